// Rollcall · PresenceFeedTests

import NIOCore
import PresenceModel
import PresenceFeed
import PresenceStore
import RandomInput
import TestSupport
import Testing

@Suite("Messages on pub/sub")
struct FeedMessageTests {
    private func text(_ records: String) -> ByteBuffer { ByteBuffer(string: "1:6f1c09d2a7b3e481:17:\(records)") }

    private let ref = "AAAAAAAAAAAAAAAA"

    @Test func `Records are read in order, and lengths may hold any byte`() throws {
        let value = "\(ref) 30 {\"a\":1}"
        let records = "+7:\(value.utf8.count):alice\u{1f}s\(value)-u5:bob\u{1f}s-x5:eve\u{1f}s"
        let message = try #require(FeedMessage(text(records)))
        #expect(message.cursor.description == "6f1c09d2a7b3e481-17" && !message.isWholeState)
        #expect(message.records.count == 3)
        guard case .set(let member, let stored) = message.records[0], case .leave(_, let reason) = message.records[2]
        else { return #expect(Bool(false), "wrong kinds") }
        #expect(member == Fixture.member("alice") && stored.presence.ref.text == ref && reason == .expired)
    }

    @Test(arguments: [("u", LeaveReason.untracked), ("r", .removed), ("c", .closed), ("x", .expired), ("e", .evicted)])
    func `A leave has one of five reasons`(letter: String, expected: LeaveReason) throws {
        let message = try #require(FeedMessage(text("-\(letter)5:bob\u{1f}s")))
        guard case .leave(_, let reason) = message.records[0] else { return #expect(Bool(false), "no leave") }
        #expect(reason == expected)
    }

    @Test func `A star marks the first message of a topic that was empty`() throws {
        #expect(try #require(FeedMessage(text("*"))).isWholeState)
    }

    @Test(
        arguments: [
            "+", "+7", "+7:", "+7:3:alice", "+99999999999999999999:1:x", "-", "-q5:bob\u{1f}s", "-u6:bob\u{1f}s", "-u:",
            "-u5:bobXs", "x", "+5:9:bob\u{1f}snot a val", "**",
        ])
    func `A message that the grammar does not allow is refused`(records: String) {
        #expect(FeedMessage(text(records)) == nil)
    }

    @Test(
        arguments: [
            "", "1", "2:6f1c09d2a7b3e481:1:", "1:xyz:1:", "1:0:0:", "1:6f1c09d2a7b3e481:", "1:6f1c09d2a7b3e481:-1:",
        ])
    func `A malformed header is refused`(text: String) {
        #expect(FeedMessage(ByteBuffer(string: text)) == nil)
    }

    @Test(arguments: 0..<20)
    func `Mutated messages never crash`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let original = Array(text("*+7:19:alice\u{1f}s\(ref) 30-u5:bob\u{1f}s").readableBytesView)
        for _ in 0..<2_000 {
            var bytes = original
            for _ in 0...Int(random.next() % 4) {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            _ = FeedMessage(ByteBuffer(bytes: bytes))
        }
    }
}
