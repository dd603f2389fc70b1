// Rollcall · EnrichmentTests

import PresenceModel
import RandomInput
import Testing

@testable import Enrichment

@Suite("The cache of a rule")
struct FetchCacheTests {
    /// The cost of an entry with a name and a text of 10 bytes together.
    private let entry = FetchCache.overhead + 10

    func cacheKey(_ name: String, _ topic: Topic? = nil) -> CacheKey { CacheKey(key: key(name), topic: topic) }

    func value(_ text: String, generation: Int = 0) -> FetchedValue {
        FetchedValue(json: bytes(text), failure: nil, freshUntil: .now, generation: generation)
    }

    @Test func `A value in use stays, and an unused value is evicted when others are stored`() {
        var cache = FetchCache(maximumBytes: 20 * entry)
        cache.set(value("1"), for: cacheKey("used"))
        cache.set(value("2"), for: cacheKey("idle"))
        for number in 0..<100 {
            cache.set(value("\(number)"), for: cacheKey("k\(number)"))
            let used = cache.use(cacheKey("used"))
            #expect(used?.json == bytes("1"))
        }
        #expect(cache[cacheKey("idle")] == nil && (10...20).contains(cache.count))
    }

    @Test func `Only the least recently used value is evicted`() {
        var cache = FetchCache(maximumBytes: 3 * entry)
        for name in ["a", "b", "c"] { cache.set(value("12345"), for: cacheKey(name)) }
        _ = cache.use(cacheKey("a"))
        // Neither a look nor a new answer is a use.
        _ = cache[cacheKey("b")]
        cache.set(value("54321"), for: cacheKey("b"))
        cache.set(value("12345"), for: cacheKey("d"))
        #expect(["a", "b", "c", "d"].filter { cache[cacheKey($0)] != nil } == ["a", "c", "d"])
        cache.set(value("12345"), for: cacheKey("e"))
        #expect(["a", "c", "d", "e"].filter { cache[cacheKey($0)] != nil } == ["a", "d", "e"])
    }

    @Test(arguments: 0..<20)
    func `The cache keeps the same values as a list in the order of use`(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        var cache = FetchCache(maximumBytes: 10 * entry)
        var list: [String] = []
        for step in 0..<500 {
            let name = "\(Int.random(in: 10..<30, using: &random))"
            if Bool.random(using: &random) {
                let found = cache.use(cacheKey(name)) != nil
                #expect(found == list.contains(name), "step \(step)")
                guard found else { continue }
                list.removeAll { $0 == name }
            } else {
                cache.set(value("12345678"), for: cacheKey(name))
                if list.contains(name) { continue }
            }
            list.append(name)
            if list.count > 10 { list.removeFirst() }
            #expect(cache.count == list.count && cache.bytes == entry * list.count)
        }
        for name in list { #expect(cache[cacheKey(name)] != nil) }
    }

    @Test func `The bound on bytes holds for values of all sizes`() {
        var cache = FetchCache(maximumBytes: 100_000)
        for number in 0..<1_000 {
            let text = String(repeating: "x", count: Int.random(in: 0..<5_000))
            cache.set(value(text), for: cacheKey("k\(number % 300)"))
            #expect(cache.bytes <= 100_000)
        }
        #expect(cache.count > 10)
    }

    @Test func `All cache keys of a key are found until they are evicted`() {
        var cache = FetchCache(maximumBytes: 5 * (entry + 10))
        for name in ["one", "two", "three", "four"] { cache.set(value(name), for: cacheKey("a", topic(name))) }
        cache.set(value(""), for: cacheKey("b", topic("one")))
        #expect(Set(cache.cacheKeys(of: key("a")).compactMap { $0.topic?.text }) == ["one", "two", "three", "four"])
        #expect(cache.cacheKeys(of: key("b")) == [cacheKey("b", topic("one"))])
        #expect(cache.cacheKeys(of: key("c")).isEmpty)
        for number in 0..<4 { cache.set(value("12345678"), for: cacheKey("k\(number)")) }
        #expect(cache.cacheKeys(of: key("a")).isEmpty)
    }

    @Test
    func `A walk finds each value that stays from its beginning to its end, while others are stored, evicted and used`()
    {
        var cache = FetchCache(maximumBytes: 1_500 * entry)
        for number in 0..<1_500 { cache.set(value("old"), for: cacheKey("k\(number)")) }
        var (seen, position, number): (Set<CacheKey>, Int, Int) = ([], 0, 0)
        while position < cache.endPosition {
            let found = cache.cacheKeys(from: &position, limit: 50, looks: 70) { $0.generation == 0 }
            seen.formUnion(found)
            #expect(found.count <= 50)
            _ = cache.use(cacheKey("k\(number * 17 % 1_500)"))
            cache.set(value("new", generation: 1), for: cacheKey("new \(number)"))
            number += 1
        }
        let left = (0..<1_500).map { cacheKey("k\($0)") }.filter { cache[$0] != nil }
        #expect(seen.isSuperset(of: left) && left.count < 1_500 && left.count > 1_400)
    }

    @Test func `A walk returns at most the limit, reads at most the given number of entries, and ends`() {
        var cache = FetchCache()
        for number in 0..<100 { cache.set(value("\(number)"), for: cacheKey("k\(number)")) }
        var position = 0
        let counts = (0..<4).map { _ in cache.cacheKeys(from: &position, limit: 30) { _ in true }.count }
        #expect(counts == [30, 30, 30, 10] && position == cache.endPosition)
        position = 0
        let nothing = cache.cacheKeys(from: &position, limit: 10, looks: 99) { _ in false }
        #expect(nothing.isEmpty && position == 99)
    }
}
