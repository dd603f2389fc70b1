// Rollcall · EnrichmentTests

import PresenceModel
import Testing

@testable import Enrichment

@Suite("Gathering keys into batches")
struct FetchBatcherTests {
    var batcher = FetchBatcher()
    let start = ContinuousClock.now

    mutating func add(_ keys: [Key], on topic: Topic? = nil) {
        for key in keys { batcher.add(CacheKey(key: key, topic: topic)) }
    }

    mutating func take(at milliseconds: Int, room: Int = 4) -> [FetchBatch] {
        batcher.take(at: start + .milliseconds(milliseconds), room: room)
    }

    @Test
    mutating func
        `The first key after a pause is due at once, and the keys after it are one batch at the end of the window`()
    {
        add(keys("a"))
        let first = take(at: 0)
        add(keys("b"))
        add(keys("c"))
        let within = take(at: 9)
        let due = batcher.nextDue(after: start + .milliseconds(9))
        let second = take(at: 10)
        add(keys("d"))
        let third = (take(at: 19), take(at: 35))
        #expect(first == [FetchBatch(topic: nil, keys: keys("a"))])
        #expect(within.isEmpty && due == start + .milliseconds(10))
        #expect(second == [FetchBatch(topic: nil, keys: keys("b", "c"))])
        #expect(third.0.isEmpty && third.1 == [FetchBatch(topic: nil, keys: keys("d"))])
        #expect(batcher.count == 0 && batcher.nextDue(after: start) == nil)
    }

    @Test
    mutating func `A full batch is due at once, and the keys beyond it wait for the end of the window`() {
        add(keys("first"))
        _ = take(at: 0)
        add(keys(0..<600))
        let full = take(at: 1)
        let rest = take(at: 10)
        #expect(full == [FetchBatch(topic: nil, keys: keys(0..<500))])
        #expect(rest == [FetchBatch(topic: nil, keys: keys(500..<600))])
    }

    @Test
    mutating func `If the query takes the topic, the keys of one window are one batch a topic`() {
        add(keys("a"), on: topic("one"))
        add(keys("a", "b"), on: topic("two"))
        add(keys("c"), on: topic("one"))
        let batches = take(at: 0)
        #expect(
            batches == [
                FetchBatch(topic: topic("one"), keys: keys("a", "c")),
                FetchBatch(topic: topic("two"), keys: keys("a", "b")),
            ])
    }

    @Test
    mutating func `Without room a batch grows, and it is due as soon as there is room`() {
        add(keys("a"))
        let none = take(at: 0, room: 0)
        add(keys("b"))
        let due = batcher.nextDue(after: start + .milliseconds(5))
        let both = take(at: 5, room: 1)
        #expect(none.isEmpty && due == nil)
        #expect(both == [FetchBatch(topic: nil, keys: keys("a", "b"))])
    }

    @Test
    mutating func `At most as many batches are taken as there is room for, the oldest first`() {
        for number in 0..<5 { add(keys("a"), on: topic("\(number)")) }
        let (first, second) = (take(at: 0, room: 3), take(at: 1, room: 3))
        #expect(first.map(\.topic) == [topic("0"), topic("1"), topic("2")])
        #expect(second.map(\.topic) == [topic("3"), topic("4")])
    }
}
