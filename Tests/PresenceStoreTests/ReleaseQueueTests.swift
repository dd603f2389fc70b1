// Rollcall · PresenceStoreTests

import PresenceModel
import Testing

@testable import PresenceStore

@Suite("The queue of releases")
struct ReleaseQueueTests {
    private func item(_ key: String, isResumable: Bool = true) throws -> ReleaseQueue.Item {
        let releasing = ReleaseItem(member: try Member(key), owner: .random(), grace: 5, isResumable: isResumable)
        return ReleaseQueue.Item(topic: try .sample(), releasing: releasing)
    }

    private func slot(_ key: String) throws -> ReleaseQueue.Slot {
        ReleaseQueue.Slot(topic: try .sample(), key: try Key(key))
    }

    @Test func `Releases beyond the bound are dropped and counted, and earlier ones stay`() throws {
        var queue = ReleaseQueue(maximum: 2)
        var added: [Bool] = []
        for key in ["a", "b", "c", "d"] { added.append(queue.add(try item(key))) }
        #expect(added == [true, true, false, false] && queue.dropped == 2 && queue.isOverflowing)
        let batch = queue.begin()
        let items = batch?.items
        #expect(Set(items?.map(\.releasing.member.key.text) ?? []) == ["a", "b"])
        let again = queue.begin()
        #expect(again == nil && queue.count == 0 && queue.isOverflowing)
        let waiters = queue.end(try #require(batch?.batch))
        #expect(waiters.isEmpty)
        #expect(!queue.isOverflowing)
        let more = queue.add(try item("e"))
        #expect(more)
    }

    @Test func `A batch of one slot has all resumable releases of that slot and no others`() throws {
        var queue = ReleaseQueue(maximum: 5)
        for key in ["a", "b", "a"] { queue.add(try item(key)) }
        for key in ["a", "c"] { queue.add(try item(key, isResumable: false)) }
        let (a, c) = (try slot("a"), try slot("c"))
        let own = queue.begin(a)
        let (again, other) = (queue.begin(a), queue.begin(c))
        #expect(own?.items.map(\.releasing.member.key.text) == ["a", "a"] && again == nil && other == nil)
        #expect(queue.count == 3)
        let rest = queue.begin()?.items.map(\.releasing.member.key.text)
        #expect(rest?.sorted() == ["a", "b", "c"] && queue.count == 0)
    }

    @Test func `A waiter can wait for each batch with its slot, and the end of the batch returns it once`() async throws
    {
        var queue = ReleaseQueue()
        queue.add(try item("a"))
        let older = try #require(queue.begin()?.batch)
        let (a, b) = (try slot("a"), try slot("b"))
        queue.add(try item("a"))
        let newer = try #require(queue.begin(a)?.batch)
        #expect(Set(queue.batches(with: a)) == [older, newer] && queue.batches(with: b) == [])
        await withCheckedContinuation { waiter in
            let none = queue.end(older)
            #expect(none.isEmpty && queue.batches(with: a) == [newer])
            let (isOlder, isNewer) = (queue.add(waiter, to: older), queue.add(waiter, to: newer))
            #expect(!isOlder && isNewer)
            let waiters = queue.end(newer)
            #expect(waiters.count == 1)
            for waiter in waiters { waiter.resume() }
        }
        #expect(queue.end(newer).isEmpty)
    }
}
