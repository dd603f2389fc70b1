// Rollcall · EnrichmentTests

import PresenceModel
import Testing

@testable import Enrichment

@Suite("The queue of keys that are queried one by one")
struct OneByOneQueueTests {
    var queue = OneByOneQueue()
    var now = ContinuousClock.now

    func cacheKeys(_ keys: [Key]) -> [CacheKey] { keys.map { CacheKey(key: $0, topic: nil) } }

    /// Takes keys and ends their queries at once.
    mutating func take() -> [Key] {
        let taken = queue.take(at: now)
        for _ in taken { queue.end() }
        return taken.map(\.key)
    }

    @Test
    mutating func `Two keys are taken in each window in the order of arrival, even if queries end at once`() {
        let isAdded = queue.add(suspects: cacheKeys(keys(0..<200)))
        let start = now
        var taken: [Key] = []
        while queue.count > 0 {
            let keys = take()
            #expect(keys.count == 2)
            taken += keys
            let early = take()
            #expect(early.isEmpty)
            now = queue.nextDue ?? now
        }
        #expect(isAdded && taken == keys(0..<200) && start.duration(to: now) == OneByOneQueue.window * 99)
        #expect(queue.nextDue == nil)
    }

    @Test
    mutating func `At most two queries run at once, even if they are slow`() {
        _ = queue.add(suspects: cacheKeys(keys(0..<3)))
        let first = queue.take(at: now)
        let due = queue.nextDue
        let second = queue.take(at: now + .seconds(10))
        queue.end()
        let third = queue.take(at: now + .seconds(10))
        #expect(first.count == 2 && due == nil && second.isEmpty && third.map(\.key) == keys("k2"))
        #expect(queue.running == 2)
    }

    @Test
    mutating func `A key that raised alone before is taken when no suspect waits`() {
        let isAdded = queue.add(raiser: CacheKey(key: key("raiser"), topic: nil))
        _ = queue.add(suspects: cacheKeys(keys("a", "b")))
        let first = take()
        now += OneByOneQueue.window
        let second = take()
        #expect(isAdded && first == keys("a", "b") && second == keys("raiser"))
    }

    @Test
    mutating func `At the bound no key is added, and there is room again after keys are taken`() {
        var added: [Bool] = []
        for _ in 0..<5 { added.append(queue.add(suspects: cacheKeys(keys(0..<500)))) }
        #expect(added == [true, true, true, true, false] && queue.count == OneByOneQueue.maximum)
        _ = take()
        let two = queue.add(suspects: cacheKeys(keys("a", "b")))
        let three = queue.add(suspects: cacheKeys(keys("c")))
        #expect(two && !three)
        for number in 0..<OneByOneQueue.maximum {
            let isAdded = queue.add(raiser: CacheKey(key: key("r\(number)"), topic: nil))
            #expect(isAdded)
        }
        let raiser = queue.add(raiser: CacheKey(key: key("one too many"), topic: nil))
        let removed = queue.removeFirst(10_000)
        #expect(!raiser && removed.count == 2 * OneByOneQueue.maximum && queue.count == 0)
    }
}
