// Rollcall · PhoenixSocketTests

import NIOCore
import Testing

@testable import PhoenixSocket

/// The sequences of UTF-8 of autobahntestsuite, those of Markus Kuhn's stress test among them.
@Suite("The text of frames")
struct FrameTextTests {
    /// In hexadecimal digits; a row is one kind.
    private static let valid = [
        "", "68 65 6C 6C 6F 24 77", "68 65 C2 A2 77", "68 65 E2 82 AC 77", "68 65 F0 A4 AD A2 77",
        "CE BA", "CE BA E1 BD B9", "CE BA E1 BD B9 CF 83", "CE BA E1 BD B9 CF 83 CE BC CE B5",
        // The first and the last of each length.
        "00", "C2 80", "E0 A0 80", "F0 90 80 80", "7F", "DF BF", "EF BF BF", "F4 8F BF BF",
        // Around the surrogates.
        "ED 9F BF", "EE 80 80",
        // Points that are no characters.
        "EF BF BE", "F0 9F BF BE", "F0 9F BF BF", "F0 AF BF BE", "F0 BF BF BF", "F1 8F BF BE", "F1 9F BF BF",
        "F1 AF BF BE", "F1 BF BF BF", "F2 8F BF BE", "F2 9F BF BF", "F2 AF BF BE", "F2 BF BF BF", "F3 8F BF BE",
        "F3 9F BF BF", "F3 AF BF BE", "F3 BF BF BF", "F4 8F BF BE",
        // Specials.
        "EF BF B9", "EF BF BA", "EF BF BB", "EF BF BC", "EF BF BD",
    ]

    private static let invalid = [
        // Cut within a character.
        "CE", "CE BA E1", "CE BA E1 BD", "CE BA E1 BD B9 CF", "CE BA E1 BD B9 CF 83 CE",
        // Five and six bytes, and beyond U+10FFFF.
        "F8 88 80 80 80", "FC 84 80 80 80 80", "F7 BF BF BF", "FB BF BF BF BF", "FD BF BF BF BF BF", "F4 90 80 80",
        // Continuations of nothing.
        "80", "BF", "80 BF", "80 BF 80", "80 BF 80 BF", "80 BF 80 BF 80", "80 BF 80 BF 80 BF",
        // Beginnings without continuations.
        "C0 20 C1 20 DF 20", "C3 20", "E0 20 E1 20 EF 20", "E2 20", "F0 20 F1 20 F7 20", "F8 20 FB 20", "FC 20 FD 20",
        // The last byte is missing.
        "C0", "E0 80", "F0 80 80", "F8 80 80 80", "FC 80 80 80 80", "DF", "EF BF", "F7 BF BF", "FB BF BF BF",
        "FD BF BF BF BF", "C0 E0 80 F0 80 80 F8 80 80 80 FC 80 80 80 80 DF EF BF F7 BF BF FB BF BF BF FD BF BF BF BF",
        // Bytes of no character.
        "FE", "FF", "FE FE FF FF",
        // Longer than needed: "/", the greatest ones, and U+0000.
        "C0 AF", "E0 80 AF", "F0 80 80 AF", "F8 80 80 80 AF", "FC 80 80 80 80 AF",
        "C1 BF", "E0 9F BF", "F0 8F BF BF", "F8 87 BF BF BF", "FC 83 BF BF BF BF",
        "C0 80", "E0 80 80", "F0 80 80 80", "F8 80 80 80 80", "FC 80 80 80 80 80",
        // Surrogates, single and in pairs.
        "ED A0 80", "ED AD BF", "ED AE 80", "ED AF BF", "ED B0 80", "ED BE 80", "ED BF BF",
        "ED A0 80 ED B0 80", "ED A0 80 ED BF BF", "ED AD BF ED B0 80", "ED AD BF ED BF BF", "ED AE 80 ED B0 80",
        "ED AE 80 ED BF BF", "ED AF BF ED B0 80", "ED AF BF ED BF BF",
    ]

    private static func bytes(_ digits: String) -> [UInt8] {
        digits.split(separator: " ").compactMap { UInt8($0, radix: 16) }
    }

    /// The result of the last of some frames, which are the first and the continuations of one message.
    private func last(_ opcode: UInt8, _ pieces: [[UInt8]]) -> Result<FrameAssembler.Output, SocketError> {
        var assembler = FrameAssembler()
        var output = FrameAssembler.Output.none
        for (index, piece) in pieces.enumerated() {
            do throws(SocketError) {
                output = try assembler.add(
                    FrameAssembler.Frame(
                        isFinal: index == pieces.count - 1, reserved: 0, opcode: index == 0 ? opcode : 0,
                        isMasked: true, payload: ByteBuffer(bytes: piece)))
            } catch {
                return .failure(error)
            }
        }
        return .success(output)
    }

    private func code(_ result: Result<FrameAssembler.Output, SocketError>) -> CloseCode? {
        if case .failure(let error) = result { error.code } else { nil }
    }

    /// A message as a whole, and cut at each place.
    private func cuts(_ bytes: [UInt8]) -> [[[UInt8]]] {
        [[bytes]] + (0...bytes.count).map { [Array(bytes[..<$0]), Array(bytes[$0...])] }
    }

    @Test func `a text in UTF-8 is read, also cut within a character, and as the reason of a close`() {
        for digits in Self.valid {
            let bytes = Self.bytes(digits)
            for pieces in cuts(bytes) { #expect(last(1, pieces) == .success(.message(.text(bytes))), "\(digits)") }
            #expect(last(8, [[0x03, 0xE8] + bytes]) == .success(.close(code: 1000)), "\(digits)")
        }
    }

    @Test func `a text in no UTF-8 is closed with 1007, also within other text, cut, or as the reason of a close`() {
        for digits in Self.invalid {
            let bytes = Self.bytes(digits)
            for pieces in cuts(bytes) + cuts([0x61] + bytes + [0x61]) {
                #expect(code(last(1, pieces)) == .invalidData, "\(digits)")
            }
            #expect(code(last(8, [[0x03, 0xE8] + bytes])) == .invalidData, "\(digits)")
            #expect(last(2, [bytes]) == .success(.message(.binary(bytes))), "\(digits)")
        }
    }
}
