// Rollcall · PresenceStoreTests

import Presence
import Testing

@testable import PresenceStore

@Suite("The ends of streams that wait for Redis")
struct ReleaseQueueTests {
    private func item(_ key: String, isResumable: Bool = true) throws -> ReleaseQueue.Item {
        let releasing = Releasing(member: try Member(key), owner: .random(), grace: 5, isResumable: isResumable)
        return ReleaseQueue.Item(topic: try .sample(), releasing: releasing)
    }

    private func slot(_ key: String) throws -> ReleaseQueue.Slot {
        ReleaseQueue.Slot(topic: try .sample(), key: try Key(key))
    }

    @Test func `ends beyond the bound are dropped and counted, and none that was there before`() throws {
        var queue = ReleaseQueue(maximum: 2)
        var added: [Bool] = []
        for key in ["a", "b", "c", "d"] { added.append(queue.add(try item(key))) }
        #expect(added == [true, true, false, false] && queue.dropped == 2)
        let items = queue.begin()?.items
        #expect(items?.map(\.releasing.member.key.text) == ["a", "b"])
        let again = queue.begin()
        #expect(again == nil && queue.count == 0)
        let more = queue.add(try item("e"))
        #expect(more)
    }

    @Test func `an end waits for a returning stream only if its session may be taken, and until its batch begins`()
        throws
    {
        var queue = ReleaseQueue()
        queue.add(try item("a"))
        queue.add(try item("b", isResumable: false))
        let (a, b) = (try slot("a"), try slot("b"))
        #expect(queue.isWaiting(a) && !queue.isWaiting(b))
        let batch = queue.begin()?.batch
        #expect(batch != nil && !queue.isWaiting(a))
    }

    @Test func `what awaits a batch is returned by its end, once`() async throws {
        var queue = ReleaseQueue()
        queue.add(try item("a"))
        let batch = try #require(queue.begin()?.batch)
        let (a, b) = (try slot("a"), try slot("b"))
        await withCheckedContinuation { waiter in
            let (isAwaited, isOther) = (queue.add(waiter, for: a), queue.add(waiter, for: b))
            #expect(isAwaited && !isOther)
            let waiters = queue.end(batch)
            #expect(waiters.count == 1)
            for waiter in waiters { waiter.resume() }
        }
        #expect(queue.end(batch).isEmpty)
    }
}
