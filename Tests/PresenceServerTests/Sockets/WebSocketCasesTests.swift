// Rollcall · PresenceServerTests

import NIOCore
import NIOEmbedded
import PhoenixSocket
import PresenceText
import TestSupport
import Testing

@testable import PresenceServer

/// The cases of autobahntestsuite over a socket that sends messages back.
///
/// They are on framing, pings, reserved bits, opcodes, fragments, UTF-8 and closes. The sequences of UTF-8 are in
/// `FrameTextTests`.
@Suite("A WebSocket, case by case")
struct WebSocketCasesTests {
    /// How the bytes of the client are cut into packets.
    enum Packets: CaseIterable {
        case one
        case frames
        case bytes

        func cut(_ frames: [[UInt8]]) -> [[UInt8]] {
            switch self {
            case .one: return [Array(frames.joined())]
            case .frames: return frames
            case .bytes:
                let bytes = Array(frames.joined())
                let size = bytes.count > 1_000 ? 997 : 1
                return stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
            }
        }
    }

    /// A frame of the server.
    private enum Received: Equatable {
        case text([UInt8])
        case binary([UInt8])
        case pong([UInt8])
        /// With its code; nil for an empty one.
        case close(Int?)
        case other(UInt8)

        init(_ frame: TestClientSocket.Frame) {
            switch frame.opcode {
            case 1: self = .text(frame.payload)
            case 2: self = .binary(frame.payload)
            case 8: self = .close(frame.code)
            case 10: self = .pong(frame.payload)
            default: self = .other(frame.opcode)
            }
        }

        static func message(_ text: String) -> Received { .text(Array(text.utf8)) }
    }

    private struct Case {
        let name: String
        let sent: [[UInt8]]
        let received: [Received]

        init(_ name: String, _ sent: [[UInt8]], _ received: [Received]) {
            self.name = name
            self.sent = sent
            self.received = received
        }
    }

    private static let echo: SocketReading = {
        var reading = SocketReading()
        reading.answer = { message in
            switch message {
            case .text(let bytes): return WebSocketText.frame(bytes)
            case .binary(let bytes):
                var frame = WebSocketText.frame(bytes)
                frame.setInteger(0x82 as UInt8, at: frame.readerIndex)
                return frame
            }
        }
        return reading
    }()

    /// Sends frames to a new socket, and returns its frames.
    private func answers(
        to sent: [[UInt8]], in packets: Packets, _ services: SocketServices
    ) async throws -> [Received] {
        let test = try await TestClientSocket.begin(services: services)
        for packet in packets.cut(sent) where test.channel.isActive {
            try await test.send(ByteBuffer(bytes: packet))
        }
        let received = try await test.received().map { Received($0) }
        try await test.finish()
        return received
    }

    @Test(arguments: Packets.allCases)
    func `Each case is answered in the same way, in one packet, frame by frame and byte by byte`(
        packets: Packets
    ) async throws {
        let services = try SocketServices.ofTest(reading: Self.echo)
        let groups: [[Case]] = [
            Self.messages, Self.pings, Self.reserved, Self.eachReserved, Self.opcodes, Self.fragments, Self.texts,
            Self.closes, Self.codes, Self.reservedCodes, Self.limits,
        ]
        for item in groups.joined() {
            let received = try await answers(to: item.sent, in: packets, services)
            #expect(received == item.received, "\(item.name)")
        }
    }

    // MARK: Frames

    private static let hello = "Hello, world!"

    /// - Parameter reserved: The three bits of extensions.
    private static func frame(
        _ opcode: UInt8, _ payload: [UInt8] = [], isFinal: Bool = true, reserved: UInt8 = 0
    ) -> [UInt8] {
        var bytes = WebSocketBytes.masked(payload, opcode: opcode, isFinal: isFinal)
        bytes[0] |= reserved << 4
        return bytes
    }

    private static func text(_ text: String, isFinal: Bool = true, reserved: UInt8 = 0) -> [UInt8] {
        frame(1, Array(text.utf8), isFinal: isFinal, reserved: reserved)
    }

    private static func rest(_ text: String, isFinal: Bool = true) -> [UInt8] {
        frame(0, Array(text.utf8), isFinal: isFinal)
    }

    private static func ping(_ text: String = "") -> [UInt8] { frame(9, Array(text.utf8)) }

    private static func close(_ code: Int, _ reason: [UInt8] = []) -> [UInt8] {
        frame(8, [UInt8(code >> 8), UInt8(code & 0xFF)] + reason)
    }

    /// A message in fragments of at most `size` bytes.
    private static func pieces(_ opcode: UInt8, _ bytes: [UInt8], of size: Int) -> [[UInt8]] {
        stride(from: 0, to: bytes.count, by: size).map { start in
            let end = min(start + size, bytes.count)
            return frame(start == 0 ? opcode : 0, Array(bytes[start..<end]), isFinal: end == bytes.count)
        }
    }

    // MARK: 1 and 2: messages and pings

    private static let messages: [Case] = [0, 125, 126, 127, 128, 65_535, 65_536].flatMap { (count: Int) -> [Case] in
        let letters = [UInt8](repeating: UInt8(ascii: "*"), count: count)
        let bytes = [UInt8](repeating: 0xFE, count: count)
        return [
            Case("a text of \(count) bytes", [frame(1, letters)], [.text(letters)]),
            Case("a binary message of \(count) bytes", [frame(2, bytes)], [.binary(bytes)]),
        ]
    }

    private static let pings: [Case] = [
        Case("a ping without payload", [ping()], [.pong([])]),
        Case("a ping with text", [ping(hello)], [.pong(Array(hello.utf8))]),
        Case("a ping with bytes", [frame(9, [0, 0xFF, 0xFE])], [.pong([0, 0xFF, 0xFE])]),
        Case(
            "a ping of 125 bytes", [frame(9, [UInt8](repeating: 0xFE, count: 125))],
            [.pong([UInt8](repeating: 0xFE, count: 125))]),
        Case("a ping of 126 bytes", [frame(9, [UInt8](repeating: 0xFE, count: 126))], [.close(1002)]),
        Case("a pong", [frame(10)], []),
        Case("a pong with payload", [frame(10, [1, 2])], []),
        Case("a pong, then a ping", [frame(10, [1]), frame(9, [2])], [.pong([2])]),
        Case(
            "ten pings", (0..<10).map { frame(9, [UInt8($0)]) }, (0..<10).map { Received.pong([UInt8($0)]) }),
    ]

    // MARK: 3 and 4: reserved bits and opcodes

    private static let reserved: [Case] = [
        Case("a binary message with reserved bits", [frame(2, [0, 0xFF], reserved: 5)], [.close(1002)]),
        Case("a ping with reserved bits", [frame(9, [1], reserved: 6)], [.close(1002)]),
        Case("a close with reserved bits", [frame(8, reserved: 7)], [.close(1002)]),
    ]

    private static let eachReserved: [Case] = [1, 2, 3, 4, 5, 6, 7].map { (bits: UInt8) -> Case in
        Case(
            "a message, then one with the reserved bits \(bits), then a ping",
            [text(hello), text(hello, reserved: bits), ping()], [.message(hello), .close(1002)])
    }

    private static let opcodes: [Case] = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap { (opcode: UInt8) -> [Case] in
        [
            Case("the opcode \(opcode)", [frame(opcode)], [.close(1002)]),
            Case(
                "a message, then the opcode \(opcode) with payload, then a ping",
                [text(hello), frame(opcode, [1, 2]), ping()], [.message(hello), .close(1002)]),
        ]
    }

    // MARK: 5: fragments

    private static let fragments: [Case] = [
        Case("a ping in two fragments", [frame(9, [1], isFinal: false), rest("b")], [.close(1002)]),
        Case("a pong in two fragments", [frame(10, [1], isFinal: false), rest("b")], [.close(1002)]),
        Case("a text in two fragments", [text("one", isFinal: false), rest("two")], [.message("onetwo")]),
        Case(
            "a ping between two fragments", [text("one", isFinal: false), ping("p"), rest("two")],
            [.pong(Array("p".utf8)), .message("onetwo")]),
        Case("a continuation of nothing, then a text", [rest("a"), text(hello)], [.close(1002)]),
        Case(
            "an unfinished continuation of nothing, then a text", [rest("a", isFinal: false), text(hello)],
            [.close(1002)]),
        Case(
            "a text in two fragments, then a continuation of nothing, then a text",
            [text("one", isFinal: false), rest("two"), rest("three", isFinal: false), text("four")],
            [.message("onetwo"), .close(1002)]),
        Case(
            "a continuation of nothing, then a text in two fragments",
            [rest("one", isFinal: false), text("two", isFinal: false), rest("three")], [.close(1002)]),
        Case("two texts as fragments", [text("one", isFinal: false), text("two")], [.close(1002)]),
        Case(
            "five fragments with two pings between them",
            [
                text("1", isFinal: false), rest("2", isFinal: false), ping("a"), rest("3", isFinal: false),
                rest("4", isFinal: false), ping("b"), rest("5"),
            ],
            [.pong(Array("a".utf8)), .pong(Array("b".utf8)), .message("12345")]),
    ]

    // MARK: 6: UTF-8

    private static let greek = Array("κόσμε".utf8)
    /// U+110000, as if there were such a character.
    private static let beyond: [UInt8] = [0xF4, 0x90, 0x80, 0x80]

    private static let texts: [Case] = [
        Case(
            "three fragments without text", [text("", isFinal: false), rest("", isFinal: false), rest("")],
            [.message("")]),
        Case(
            "text in the second of three fragments",
            [text("", isFinal: false), rest("middle", isFinal: false), rest("")], [.message("middle")]),
        Case("a text that is UTF-8", [frame(1, greek)], [.text(greek)]),
        Case("UTF-8 cut between characters", pieces(1, greek, of: 2), [.text(greek)]),
        Case("UTF-8 in fragments of a byte", pieces(1, greek, of: 1), [.text(greek)]),
        Case("a text that is no UTF-8", [frame(1, greek + beyond + greek)], [.close(1007)]),
        Case("no UTF-8, in fragments of a byte", pieces(1, greek + beyond, of: 1), [.close(1007)]),
        // An error is found when its message has ended.
        Case(
            "no UTF-8 in the second of three fragments",
            [frame(1, greek, isFinal: false), frame(0, beyond, isFinal: false), rest("edited"), ping()],
            [.close(1007)]),
        Case(
            "no UTF-8, cut before the wrong byte",
            [frame(1, greek + [0xF4], isFinal: false), frame(0, [0x90], isFinal: false), rest("edited")],
            [.close(1007)]),
        Case("a binary message that is no UTF-8", [frame(2, beyond)], [.binary(beyond)]),
    ]

    // MARK: 7: closes

    private static let closes: [Case] = [
        Case("a text, then a close", [text(hello), close(1000)], [.message(hello), .close(1000)]),
        Case("two closes", [close(1000), frame(8)], [.close(1000)]),
        Case("a ping behind a close", [close(1000), ping()], [.close(1000)]),
        Case("a text behind a close", [close(1000), text(hello)], [.close(1000)]),
        Case(
            "a close between two fragments", [text("one", isFinal: false), close(1000), rest("two")],
            [.close(1000)]),
        Case("a close without a code", [frame(8)], [.close(nil)]),
        Case("a close of one byte", [frame(8, [3])], [.close(1002)]),
        Case("a close with a reason", [close(1000, Array(hello.utf8))], [.close(1000)]),
        Case(
            "a close with the longest reason", [close(1000, [UInt8](repeating: UInt8(ascii: "*"), count: 123))],
            [.close(1000)]),
        Case(
            "a close with a longer reason", [close(1000, [UInt8](repeating: UInt8(ascii: "*"), count: 124))],
            [.close(1002)]),
        Case("a close with a reason that is no UTF-8", [close(1000, greek + beyond)], [.close(1007)]),
    ]

    private static let codes: [Case] = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ].map { (code: Int) -> Case in Case("a close with \(code)", [close(code)], [.close(code)]) }

    private static let reservedCodes: [Case] = [
        0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535,
    ].map { (code: Int) -> Case in
        Case("a close with \(code), which is reserved", [close(code)], [.close(1002)])
    }

    // MARK: 9 and 10: limits

    private static let limits: [Case] = {
        let longest = [UInt8](repeating: UInt8(ascii: "*"), count: 65_536)
        return [
            Case("the longest message in 16 fragments", pieces(1, longest, of: 4_096), [.text(longest)]),
            Case("a message in 17 fragments", pieces(1, longest, of: 4_095), [.close(1008)]),
            Case("a frame that is too long", [frame(2, longest + [0])], [.close(1009)]),
            Case("fragments that are too long", [frame(2, longest, isFinal: false), frame(0, [0])], [.close(1009)]),
            Case(
                "the header of a frame with the greatest length", [[0x82, 0xFF] + [UInt8](repeating: 0xFF, count: 8)],
                [.close(1009)]),
            Case("a frame without a mask", [[0x81, 0x01, UInt8(ascii: "a")]], [.close(1002)]),
        ]
    }()
}
