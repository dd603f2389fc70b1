// Rollcall · PhoenixSocketTests

import NIOCore
import RandomInput
import Testing

@testable import PhoenixSocket

/// The rules of RFC 6455 for the frames of a client.
@Suite("The frames of a client")
struct FrameAssemblerTests {
    private typealias Output = FrameAssembler.Output

    private static func frame(
        _ opcode: UInt8, _ payload: [UInt8] = [], isFinal: Bool = true, reserved: UInt8 = 0, isMasked: Bool = true
    ) -> FrameAssembler.Frame {
        FrameAssembler.Frame(
            isFinal: isFinal, reserved: reserved, opcode: opcode, isMasked: isMasked,
            payload: ByteBuffer(bytes: payload))
    }

    private static func text(_ text: String, isFinal: Bool = true) -> FrameAssembler.Frame {
        frame(1, Array(text.utf8), isFinal: isFinal)
    }

    private static func rest(_ text: String, isFinal: Bool = true) -> FrameAssembler.Frame {
        frame(0, Array(text.utf8), isFinal: isFinal)
    }

    /// The outputs of frames, and the code with which the socket closes.
    private func run(
        _ frames: [FrameAssembler.Frame], maximumFragments: Int = FrameAssembler.maximumFragments,
        maximumBytes: Int = 1_000
    ) -> (outputs: [Output], code: CloseCode?) {
        var assembler = FrameAssembler(maximumFragments: maximumFragments, maximumBytes: maximumBytes)
        var outputs: [Output] = []
        for frame in frames {
            do throws(SocketError) {
                outputs.append(try assembler.add(frame))
            } catch {
                return (outputs, error.code)
            }
        }
        return (outputs, nil)
    }

    private func message(_ text: String) -> Output { .message(.text(Array(text.utf8))) }

    @Test func `messages of one frame`() {
        let (outputs, code) = run([Self.text("a"), Self.frame(2, [0xFF]), Self.text("")])
        #expect(outputs == [message("a"), .message(.binary([0xFF])), message("")] && code == nil)
    }

    @Test func `fragments make one message, with control frames between them`() {
        let (outputs, code) = run([
            Self.text("ab", isFinal: false), Self.frame(9, [1]), Self.rest("", isFinal: false), Self.frame(10),
            Self.rest("c"), Self.text("d"),
        ])
        let ping = Output.ping(ByteBuffer(bytes: [1]))
        #expect(outputs == [.none, ping, .none, .pong, message("abc"), message("d")] && code == nil)
    }

    @Test func `a character may be cut between fragments`() {
        let bytes = Array("é😀".utf8)
        let frames = bytes.indices.map { index in
            Self.frame(index == 0 ? 1 : 0, [bytes[index]], isFinal: index == bytes.count - 1)
        }
        #expect(run(frames).outputs.last == message("é😀"))
    }

    /// Rules, and frames that break them.
    private static let broken: [(rule: String, frames: [FrameAssembler.Frame])] = [
        ("a reserved bit", [frame(1, reserved: 4)]), ("a ping with a reserved bit", [frame(9, reserved: 1)]),
        ("no mask", [frame(1, isMasked: false)]), ("a control frame without mask", [frame(8, isMasked: false)]),
        ("opcode 3", [frame(3)]), ("opcode 7", [frame(7)]), ("opcode 11", [frame(11)]), ("opcode 15", [frame(15)]),
        ("a fragmented ping", [frame(9, isFinal: false)]), ("a fragmented close", [frame(8, isFinal: false)]),
        ("a ping of 126 bytes", [frame(9, [UInt8](repeating: 0, count: 126))]),
        ("a continuation of nothing", [rest("a")]), ("an unfinished one of nothing", [rest("a", isFinal: false)]),
        ("a continuation behind the end", [text("a", isFinal: false), rest("b"), rest("c")]),
        ("a message within a message", [text("a", isFinal: false), text("b")]),
        ("a binary one within a text", [text("a", isFinal: false), frame(2)]),
        ("a close of one byte", [frame(8, [3])]),
    ]

    @Test func `a client that breaks a rule is closed with 1002`() {
        for (rule, frames) in Self.broken {
            #expect(run(frames).code == .protocolError, "\(rule)")
        }
    }

    @Test(
        arguments: [
            [0xC3], [0xC3, 0x28], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC0, 0xAF], [0xFE],
            Array("κόσμε".utf8) + [0xED, 0xA0, 0x80] + Array("edited".utf8),
        ] as [[UInt8]])
    func `a text that is no UTF-8 is closed with 1007`(bytes: [UInt8]) {
        #expect(run([Self.frame(1, bytes)]).code == .invalidData)
        let cut = [Self.frame(1, Array(bytes.prefix(1)), isFinal: false), Self.frame(0, Array(bytes.dropFirst()))]
        #expect(run(cut).code == .invalidData)
        #expect(run([Self.frame(2, bytes)]).outputs == [.message(.binary(bytes))])
        #expect(run([Self.frame(8, [0x03, 0xE8] + bytes)]).code == .invalidData)
    }

    @Test func `pings of up to 125 bytes are given back`() {
        for count in [0, 1, 125] {
            let payload = [UInt8](repeating: 0xFE, count: count)
            #expect(run([Self.frame(9, payload)]).outputs == [.ping(ByteBuffer(bytes: payload))])
        }
    }

    @Test(arguments: [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])
    func `a close frame may have each code that may be sent`(code: Int) {
        let payload = [UInt8(code >> 8), UInt8(code & 0xFF)] + Array("bye ü".utf8)
        #expect(run([Self.frame(8, payload)]).outputs == [.close(code: UInt16(code))])
    }

    @Test(arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
    func `another code is closed with 1002`(code: Int) {
        #expect(run([Self.frame(8, [UInt8(code >> 8), UInt8(code & 0xFF)])]).code == .protocolError)
    }

    @Test func `a close frame may be empty`() {
        #expect(run([Self.frame(8)]).outputs == [.close(code: nil)])
    }

    @Test func `a message has a bound in bytes and in fragments`() {
        let most = String(repeating: "a", count: 1_000)
        #expect(run([Self.text(most)]).code == nil)
        #expect(run([Self.text(most + "a")]).code == .messageTooBig)
        #expect(run([Self.text(most, isFinal: false), Self.rest("a")]).code == .messageTooBig)
        func fragments(_ count: Int) -> [FrameAssembler.Frame] {
            [Self.text("", isFinal: false)] + (2...count).map { Self.rest("", isFinal: $0 == count) }
        }
        #expect(run(fragments(16) + fragments(16)).outputs.last == message(""))
        #expect(run(fragments(17)).code == .policyViolation)
        #expect(run(fragments(17), maximumFragments: 17).code == nil)
    }

    @Test func `random messages in random fragments are read as they were sent`() {
        let seed = SplitMix.freshSeed()
        var random = SplitMix(seed: seed)
        for _ in 0..<500 {
            let text = String((0..<random.below(60)).map { _ in random.pick(["a", "é", "😀", "\n"]) as Character })
            var frames: [FrameAssembler.Frame] = []
            let pieces = random.cut(Array(text.utf8))
            for (index, piece) in pieces.enumerated() {
                if random.chance(20) { frames.append(Self.frame(random.pick([9, 10]))) }
                frames.append(
                    Self.frame(index == 0 ? 1 : 0, Array(piece), isFinal: index == pieces.count - 1))
            }
            let (outputs, code) = run(frames)
            #expect(outputs.last == message(text) && code == nil, "ROLLCALL_TEST_SEED=\(seed)")
        }
    }

    // MARK: Close frames of the node

    @Test func `a close frame has the code and a reason, cut between characters`() {
        #expect(CloseFrame.payload(.serviceRestart) == [0x03, 0xF4])
        #expect(CloseFrame.payload(.policyViolation, reason: "no") == [0x03, 0xF0] + Array("no".utf8))
        let long = CloseFrame.payload(.invalidData, reason: String(repeating: "a", count: 122) + "ü!")
        #expect(long.count == 124 && long.last == UInt8(ascii: "a"))
        let fits = CloseFrame.payload(.invalidData, reason: String(repeating: "a", count: 121) + "ü")
        #expect(fits.count == 125)
    }
}
