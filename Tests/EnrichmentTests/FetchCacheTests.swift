// Rollcall · EnrichmentTests

import Presence
import Testing

@testable import Enrichment

@Suite("The cache of a rule")
struct FetchCacheTests {
    func slot(_ name: String, _ topic: Topic? = nil) -> FetchSlot { FetchSlot(key: key(name), topic: topic) }

    func value(_ text: String, round: Int = 0) -> FetchedValue {
        FetchedValue(json: bytes(text), failure: nil, freshUntil: .now, round: round)
    }

    @Test func `What is used stays, what is not goes when others come`() {
        var cache = FetchCache(limits: .init(count: 20, bytes: 1 << 20))
        cache.set(value("1"), for: slot("used"))
        cache.set(value("2"), for: slot("idle"))
        for number in 0..<100 {
            cache.set(value("\(number)"), for: slot("k\(number)"))
            let used = cache.value(for: slot("used"))
            #expect(used?.json == bytes("1"))
        }
        let idle = cache.value(for: slot("idle"))
        #expect(idle == nil && cache.count <= 20)
    }

    @Test func `The bound on bytes holds for values of all sizes`() {
        var cache = FetchCache(limits: .init(count: 100_000, bytes: 100_000))
        for number in 0..<1_000 {
            let text = String(repeating: "x", count: Int.random(in: 0..<5_000))
            cache.set(value(text), for: slot("k\(number % 300)"))
            #expect(cache.bytes <= 100_000 + 5_000 + 512)
        }
    }

    @Test func `What is dropped is handed over to be freed elsewhere, once`() {
        var cache = FetchCache(limits: .init(count: 10, bytes: 1 << 20))
        for number in 0..<10 { cache.set(value(""), for: slot("k\(number)")) }
        let (first, second) = (cache.takeDropped(), cache.takeDropped())
        #expect(first.count == 2 && second.isEmpty)
    }

    @Test func `A key's slots are found on all its topics, in both generations`() {
        var cache = FetchCache(limits: .init(count: 6, bytes: 1 << 20))
        for name in ["one", "two", "three", "four"] { cache.set(value(name), for: slot("a", topic(name))) }
        cache.set(value(""), for: slot("b", topic("one")))
        #expect(Set(cache.slots(of: key("a")).compactMap { $0.topic?.text }) == ["one", "two", "three", "four"])
        #expect(cache.slots(of: key("b")) == [slot("b", topic("one"))] && cache.slots(of: key("c")).isEmpty)
    }

    @Test
    func `A walk comes to everything that was there when it began, though values come, move and change meanwhile`() {
        var cache = FetchCache(limits: .init(count: 2_000, bytes: 1 << 30))
        for number in 0..<900 { cache.set(value("old"), for: slot("k\(number)")) }
        for number in 900..<1_300 { cache.set(value("old"), for: slot("k\(number)")) }
        cache.beginWalk()
        var seen: Set<FetchSlot> = []
        var number = 0
        while cache.isWalking {
            seen.formUnion(cache.walkOn(limit: 50, looks: 70) { $0.round == 0 })
            // Hits move values; answers come; nothing that matters is pushed out.
            _ = cache.value(for: slot("k\(number * 17 % 1_300)"))
            cache.set(value("new", round: 1), for: slot("new \(number % 20)"))
            number += 1
        }
        #expect(seen == Set((0..<1_300).map { slot("k\($0)") }))
    }

    @Test func `A walk gives no more than was asked for, looks at no more than it may, and ends`() {
        var cache = FetchCache(limits: .init(count: 2_000, bytes: 1 << 30))
        for number in 0..<100 { cache.set(value("\(number)"), for: slot("k\(number)")) }
        cache.beginWalk()
        let counts = (0..<4).map { _ in cache.walkOn(limit: 30) { _ in true }.count }
        #expect(counts == [30, 30, 30, 10] && !cache.isWalking)
        cache.beginWalk()
        let nothing = cache.walkOn(limit: 10, looks: 99) { _ in false }
        #expect(nothing.isEmpty && cache.isWalking)
        _ = cache.walkOn(limit: 10, looks: 1) { _ in false }
        #expect(!cache.isWalking)
    }
}
