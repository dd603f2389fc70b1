// Rollcall · PhoenixSocketTests

import JSONText
import PresenceModel
import Testing

@testable import PhoenixSocket

@Suite("The changes of one channel")
struct ChangeQueueTests {
    private func push(_ ref: Int) -> ChangeQueue.Push {
        let ref = MessageRef(text: "\(ref)")
        return ChangeQueue.Push(refs: MessageRefs(joinRef: .null, ref: ref), showsRef: true)
    }

    private func update(_ number: Int) -> PresenceChange { .update(Meta(stored: Array(#"{"n":\#(number)}"#.utf8))) }

    private func track(_ number: Int) -> PresenceChange { .track(Meta(stored: Array(#"{"n":\#(number)}"#.utf8))) }

    @Test func `changes run one after the other, in their order`() {
        var queue = ChangeQueue()
        #expect(queue.add(track(1), for: push(1)) == .begins)
        #expect(queue.add(.untrack, for: push(2)) == .waits)
        #expect(queue.add(track(3), for: push(3)) == .waits)
        #expect(queue.finishWords() == #"["\"1\""] untrack"#)
        #expect(queue.finishWords() == #"["\"2\""] track {"n":3}"#)
        #expect(queue.finishWords() == #"["\"3\""] -"#)
        #expect(queue.add(.untrack, for: push(4)) == .begins)
    }

    @Test func `a whole meta takes the place of the updates that wait before it, and their messages get its result`() {
        var queue = ChangeQueue()
        _ = queue.add(update(1), for: push(1))
        for number in 2...4 { #expect(queue.add(update(number), for: push(number)) == .waits) }
        #expect(queue.finishWords() == #"["\"1\""] update {"n":4}"#)
        #expect(queue.finishWords() == #"["\"2\"", "\"3\"", "\"4\""] -"#)
    }

    @Test func `a patch keeps what waits before it, and an untrack is never passed`() throws {
        var queue = ChangeQueue()
        _ = queue.add(update(1), for: push(1))
        _ = queue.add(update(2), for: push(2))
        _ = queue.add(.patch(.emptyObject), for: push(3))
        _ = queue.add(.untrack, for: push(4))
        _ = queue.add(update(5), for: push(5))
        _ = queue.add(.patch(.emptyObject), for: push(6))
        _ = queue.add(update(7), for: push(7))
        #expect(queue.finishWords() == #"["\"1\""] update {"n":2}"#)
        #expect(queue.finishWords() == #"["\"2\""] patch {}"#)
        #expect(queue.finishWords() == #"["\"3\""] untrack"#)
        #expect(queue.finishWords() == #"["\"4\""] update {"n":7}"#)
        #expect(queue.finishWords() == #"["\"5\"", "\"6\"", "\"7\""] -"#)
    }

    @Test func `at most 16 messages wait for answers`() {
        var queue = ChangeQueue()
        for number in 1...16 { #expect(queue.add(update(number), for: push(number)) != .isRefused) }
        #expect(queue.add(update(17), for: push(17)) == .isRefused)
        #expect(queue.unanswered.count == 16)
        _ = queue.finish()
        #expect(queue.unanswered.count == 15)
        #expect(queue.add(update(18), for: push(18)) == .waits)
        #expect(queue.add(update(19), for: push(19)) == .isRefused)
        _ = queue.finish()
        _ = queue.finish()
        #expect(queue.unanswered.isEmpty)
        #expect(queue.add(update(20), for: push(20)) == .begins)
    }

    @Test func `messages that wait for answers have at most 64 KiB together`() {
        var queue = ChangeQueue()
        var half = push(1)
        half.size = 32 << 10
        #expect(queue.add(update(1), for: half) == .begins)
        #expect(queue.add(.patch(.emptyObject), for: half) == .waits)
        var small = push(2)
        small.size = 1
        #expect(queue.add(update(2), for: small) == .isRefused)
        _ = queue.finish()
        #expect(queue.add(update(3), for: small) == .waits)
    }
}

extension ChangeQueue {
    /// Ends the change that runs; returns the refs of its messages, and the next change.
    fileprivate mutating func finishWords() -> String {
        let (answered, next) = finish()
        return "\(answered.map(\.refs.ref.description)) \(next?.words ?? "-")"
    }
}
