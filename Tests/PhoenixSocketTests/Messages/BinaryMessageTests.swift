// Rollcall · PhoenixSocketTests

import RandomInput
import Testing

@testable import PhoenixSocket

@Suite("Binary messages")
struct BinaryMessageTests {
    private typealias Message = BinaryMessage

    private static func message(
        _ kind: BinaryMessage.Kind, joinRef: String = "", ref: String = "", topic: String, event: String,
        data: [UInt8]
    ) -> BinaryMessage {
        var message = BinaryMessage(kind)
        message.joinRef = joinRef
        message.ref = ref
        message.topic = topic
        message.event = event
        message.data = data
        return message
    }

    /// Writes a message as a client does.
    private static func bytes(_ message: BinaryMessage) -> [UInt8] {
        var texts = [message.joinRef, message.ref, message.topic, message.event]
        if message.kind == .userBroadcast { texts.append(message.metadata) }
        var bytes = [message.kind.rawValue]
        for text in texts { bytes.append(UInt8(text.utf8.count)) }
        if message.kind == .userBroadcast { bytes.append(message.encoding) }
        for text in texts { bytes.append(contentsOf: text.utf8) }
        return bytes + message.data
    }

    /// The frames that the tests of phoenix.js's serializer and of Phoenix's expect, with their messages.
    private static let recorded: [(bytes: [UInt8], message: BinaryMessage)] = [
        (
            Array("\0\u{1}\u{1}\u{1}\u{1}01te\u{1}".utf8),
            message(.push, joinRef: "0", ref: "1", topic: "t", event: "e", data: [1])
        ),
        (
            Array("\0\u{2}\u{1}\u{3}\u{2}101topev\u{1}".utf8),
            message(.push, joinRef: "10", ref: "1", topic: "top", event: "ev", data: [1])
        ),
        (
            [0, 2, 3, 5, 5] + Array("12123topicevent".utf8) + [101, 102, 103],
            message(.push, joinRef: "12", ref: "123", topic: "topic", event: "event", data: [101, 102, 103])
        ),
        (
            [0, 4, 1, 10, 2] + Array("🚀1room:caféπ".utf8) + [1],
            message(.push, joinRef: "🚀", ref: "1", topic: "room:café", event: "π", data: [1])
        ),
    ]

    @Test func `the frames of phoenix.js's serializer are read`() throws {
        for (bytes, message) in Self.recorded {
            #expect(try Message(decoding: bytes) == message)
            #expect(Self.bytes(message) == bytes)
        }
    }

    @Test func `a frame that is cut anywhere in its header or its texts is refused`() throws {
        for (bytes, message) in Self.recorded {
            for length in 0..<(bytes.count - message.data.count) {
                let error = #expect(throws: SocketError.self) {
                    try Message(decoding: Array(bytes[..<length]))
                }
                #expect(error?.code == .invalidData, "\(message) cut to \(length) bytes")
            }
        }
    }

    @Test func `a frame may have no data, and texts of 0 to 255 bytes`() throws {
        let empty = [0, 0, 0, 0, 0] as [UInt8]
        #expect(try Message(decoding: empty) == Message(.push))
        let long = String(repeating: "a", count: 255)
        let message = Self.message(.push, joinRef: long, ref: long, topic: long, event: long, data: [])
        let bytes = Self.bytes(message)
        #expect(bytes.count == 5 + 4 * 255 && bytes[..<5] == [0, 255, 255, 255, 255])
        #expect(try Message(decoding: bytes) == message)
    }

    @Test(arguments: [1, 2, 4, 255] as [UInt8])
    func `a client sends pushes and user broadcasts only`(kind: UInt8) {
        let error = #expect(throws: SocketError.self) {
            try Message(decoding: [kind, 0, 0, 0, 0, 0])
        }
        #expect(error?.code == .invalidData)
    }

    @Test func `a user broadcast of supabase is read`() throws {
        var message = Self.message(
            .userBroadcast, joinRef: "10", ref: "1", topic: "top", event: "shout", data: Array(#"{"a":1}"#.utf8))
        message.metadata = "{}"
        message.encoding = 1
        let bytes: [UInt8] = [3, 2, 1, 3, 5, 2, 1] + Array(#"101topshout{}{"a":1}"#.utf8)
        #expect(try Message(decoding: bytes) == message)
        #expect(Self.bytes(message) == bytes)
        for length in 0..<20 {
            #expect(throws: SocketError.self) { try Message(decoding: Array(bytes[..<length])) }
        }
    }

    @Test func `texts that are no UTF-8 are refused`() {
        for position in 5..<9 {
            var bytes: [UInt8] = [0, 1, 1, 1, 1] + Array("abcd".utf8)
            bytes[position] = 0xFF
            #expect(throws: SocketError.self) { try Message(decoding: bytes) }
        }
    }

    @Test func `random messages are read as they were written`() throws {
        let seed = SplitMix.freshSeed()
        var random = SplitMix(seed: seed)
        for _ in 0..<1_000 {
            let texts = (0..<5).map { _ in
                String((0..<random.below(20)).map { _ in random.pick(["a", "7", "é", "😀", "\0"]) as Character })
            }
            let data = (0..<random.below(30)).map { _ in UInt8(random.below(256)) }
            let kind = random.pick([BinaryMessage.Kind.push, .userBroadcast])
            var message = Self.message(
                kind, joinRef: texts[0], ref: texts[1], topic: texts[2], event: texts[3], data: data)
            if kind == .userBroadcast {
                message.metadata = texts[4]
                message.encoding = UInt8(random.below(256))
            }
            let read = try Message(decoding: Self.bytes(message))
            #expect(read == message, "ROLLCALL_TEST_SEED=\(seed)")
        }
    }
}
