// Rollcall · EnrichmentTests

import PresenceModel
import Testing

@testable import Enrichment

@Suite("The state of a rule: when data changes at its source")
struct RuleStateChangesTests {
    var rule = RuleUnderTest()

    @Test
    mutating func
        `Known data is fetched again and reported if it differs; a key without known data is reported at once`() throws
    {
        rule.load(["a": "1", "b": "1"])
        rule.pass(.milliseconds(10))
        rule.state.invalidate(keys("a", "b", "stranger"), at: rule.now)
        let queries = rule.queries()
        #expect(queries.map(\.batch.keys) == [keys("a", "b")])
        #expect(rule.changed == [Set(keys("stranger"))])
        #expect(rule.shown("a") == "1", "the last known value stays until the new one is there")
        rule.answer(try #require(queries.first), ["a": "2", "b": "1"])
        _ = rule.queries()
        #expect(rule.changed == [Set(keys("stranger")), Set(keys("a"))] && rule.shown("a") == "2")
    }

    @Test
    mutating func `Data that appears and data that disappears are reported`() throws {
        rule.load(["a": "1"])
        rule.fetch(keys("b"))
        rule.pass(.milliseconds(10))
        for query in rule.queries() { rule.answer(query) }
        rule.pass(.milliseconds(10))
        rule.state.invalidate(keys("a", "b"), at: rule.now)
        rule.answer(try rule.query(), ["b": "2"])
        _ = rule.queries()
        #expect(rule.changed == [Set(keys("a", "b"))])
        #expect(rule.shown("a") == "-" && rule.shown("b") == "2")
    }

    @Test
    mutating func
        `A key that changes while its query runs is fetched again, because the answer may be older than the change`()
        throws
    {
        let waiter = try rule.wait(for: keys("a"))
        let early = try rule.query()
        rule.state.invalidate(keys("a"), at: rule.now)
        _ = rule.queries()
        #expect(rule.changed.isEmpty)
        rule.answer(early, ["a": "1"])
        rule.pass(.milliseconds(10))
        let late = rule.queries()
        #expect(rule.settled == [waiter] && late.map(\.batch.keys) == [keys("a")])
        rule.answer(try #require(late.first), ["a": "2"])
        let none = rule.queries()
        #expect(rule.changed == [Set(keys("a"))] && rule.shown("a") == "2" && none.isEmpty)
    }

    @Test
    mutating func `A key that changes before its query begins is queried once`() throws {
        rule.fetch(keys("other"))
        _ = rule.queries()
        rule.fetch(keys("a"))
        rule.state.invalidate(keys("a"), at: rule.now)
        rule.pass(.milliseconds(10))
        rule.answer(try rule.query(), ["a": "1"])
        rule.pass(.milliseconds(10))
        let none = rule.queries()
        #expect(none.isEmpty)
    }

    @Test
    mutating func
        `A refetch queries all known keys, at most one batch a window, and reports the data that differs`()
    {
        let data = Dictionary(uniqueKeysWithValues: (0..<1_200).map { ("k\($0)", "1") })
        rule.load(data)
        rule.pass(.milliseconds(20))
        rule.state.refetchAll()
        var sizes: [Int] = []
        for _ in 0..<5 {
            let queries = rule.queries()
            #expect(queries.count <= 1)
            for query in queries {
                sizes.append(query.batch.keys.count)
                rule.answer(query, data.merging(["k7": "2"]) { $1 })
            }
            rule.pass(FetchBatcher.window)
        }
        _ = rule.queries()
        #expect(sizes == [500, 500, 200])
        #expect(rule.changed == [Set(keys("k7"))])
        #expect(rule.wake == nil)
    }

    @Test
    mutating func `During a refetch shown keys are queried first, and are incomplete while the breaker is open`() {
        rule.load(Dictionary(uniqueKeysWithValues: (0..<2_000).map { ("k\($0)", "1") }))
        rule.pass(.milliseconds(20))
        rule.state.refetchAll()
        let shown = rule.known("k1999")
        let first = rule.queries()
        #expect(shown?.json == bytes("1") && first.contains { $0.batch.keys.contains(key("k1999")) })
        rule.open()
        #expect(rule.known("k1")?.failure == .outage)
    }

    @Test
    mutating func `A key with a query under way when a refetch begins is queried once more`() throws {
        rule.fetch(keys("a"))
        let early = try rule.query()
        rule.state.refetchAll()
        rule.answer(early, ["a": "1"])
        rule.pass(.milliseconds(10))
        let late = rule.queries()
        #expect(late.map(\.batch.keys) == [keys("a")])
    }

    @Test
    mutating func `During a refetch a key with a waiting caller is in the batch of the next window`() {
        rule.load(Dictionary(uniqueKeysWithValues: (0..<2_000).map { ("k\($0)", "1") }))
        rule.pass(.milliseconds(20))
        rule.state.refetchAll()
        _ = rule.queries()
        rule.fetch(keys("new"))
        rule.pass(.milliseconds(10))
        let next = rule.queries()
        #expect(next.contains { $0.batch.keys.contains(key("new")) })
        #expect(next.map(\.batch.keys.count) == [500])
    }
}
