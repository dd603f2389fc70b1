// Rollcall · EnrichmentTests

import PresenceModel
import Testing

@testable import Enrichment

@Suite("The state of a rule: queries and waits")
struct RuleStateTests {
    var rule = RuleUnderTest()

    @Test
    mutating func `A caller that wants a key while its query is under way waits for that query`() throws {
        let first = rule.fetch(keys("a", "b"))
        let queries = rule.queries()
        let second = rule.fetch(keys("b"))
        rule.pass(.milliseconds(20))
        let none = rule.queries()
        #expect(queries.map(\.batch.keys) == [keys("a", "b")] && none.isEmpty)
        #expect(rule.settled.isEmpty)
        rule.answer(try #require(queries.first), ["a": "1", "b": "2"])
        _ = rule.queries()
        #expect(rule.settled == [first, second].compactMap { $0 }.reduce(into: []) { $0.insert($1) })
        #expect(rule.shown("a") == "1" && rule.shown("b") == "2" && rule.changed.isEmpty)
    }

    @Test
    mutating func `A key that is wanted within the window joins the next query once, also if two callers want it`() {
        rule.fetch(keys("a"))
        _ = rule.queries()
        rule.fetch(keys("b"))
        rule.fetch(keys("b", "c"))
        let within = rule.queries()
        #expect(within.isEmpty && rule.wake == .milliseconds(10))
        rule.pass(.milliseconds(10))
        let after = rule.queries()
        #expect(after.map(\.batch.keys) == [keys("b", "c")])
    }

    @Test
    mutating func `A key is not queried twice within the TTL, with data or without a row`() {
        rule.load(["a": "1"])
        rule.pass(FetchBatcher.window)
        rule.fetch(keys("absent"))
        for query in rule.queries() { rule.answer(query) }
        rule.pass(FetchRule.sample.ttl - FetchBatcher.window - .milliseconds(1))
        let waiter = rule.fetch(keys("a", "absent"))
        let queries = rule.queries()
        #expect(waiter == nil && queries.isEmpty)
        #expect(rule.shown("a") == "1" && rule.shown("absent") == "-")
    }

    @Test
    mutating func `A stale value is shown at once, queried once, and reported only if it differs`() throws {
        rule.load(["a": "1", "b": "1"])
        rule.pass(FetchRule.sample.ttl)
        let shown = (rule.known("a")?.json, rule.known("b")?.json)
        let queries = rule.queries()
        let again = rule.known("a")?.json
        rule.pass(.milliseconds(20))
        let more = rule.queries()
        #expect(shown.0 == bytes("1") && shown.1 == bytes("1") && again == bytes("1"))
        #expect(queries.map(\.batch.keys) == [keys("a", "b")] && more.isEmpty)
        rule.answer(try #require(queries.first), ["a": "1", "b": "2"])
        _ = rule.queries()
        #expect(rule.changed == [Set(keys("b"))])
    }

    @Test
    mutating func `A wait ends at the time-out, and data that comes later is reported`() throws {
        let waiter = try rule.wait(for: keys("a"))
        let query = try rule.query()
        #expect(rule.wake == FetchRule.sample.timeout + FetchBatcher.window)
        rule.pass(FetchRule.sample.timeout + FetchBatcher.window)
        _ = rule.queries()
        #expect(rule.settled == [waiter] && rule.shown("a") == "-?")
        rule.answer(query, ["a": "1"])
        _ = rule.queries()
        #expect(rule.changed == [Set(keys("a"))] && rule.shown("a") == "1")
    }

    @Test
    mutating func `A wait ends at the deadline of its caller, or at the time-out of the rule if that is earlier`()
        throws
    {
        let patient = try rule.wait(for: keys("a"), within: .seconds(60))
        let hasty = try rule.wait(for: keys("a"), within: .seconds(2))
        let hastier = try rule.wait(for: keys("a", "b"), within: .seconds(1))
        let query = try rule.query()
        for (time, waiter, rest) in [
            (.seconds(1), hastier, .seconds(1)), (.seconds(1), hasty, .seconds(8) + FetchBatcher.window),
            (.seconds(8) + FetchBatcher.window, patient, nil),
        ] as [(Duration, Int, Duration?)] {
            #expect(!rule.settled.contains(waiter) && rule.wake == time)
            rule.pass(time)
            _ = rule.queries()
            #expect(rule.settled.contains(waiter) && rule.wake == rest)
        }
        #expect(rule.shown("a") == "-?" && rule.shown("b") == "-?")
        rule.answer(query, ["a": "1"])
        _ = rule.queries()
        #expect(rule.changed == [Set(keys("a", "b"))])
    }

    @Test
    mutating func `A caller without time left does not wait, and its key is queried and reported`() throws {
        let waiter = rule.fetch(keys("a"), within: .zero)
        #expect(waiter == nil && rule.shown("a") == "-?")
        let other = try rule.wait(for: keys("b"))
        rule.answer(try rule.query(), ["a": "1"])
        _ = rule.queries()
        #expect(rule.changed == [Set(keys("a"))] && rule.settled == [other] && rule.shown("b") == "-")
    }

    @Test
    mutating func
        `If the query takes the topic, a key has one value a topic, and an invalidation refetches all of them`()
        throws
    {
        rule = RuleUnderTest(.topical)
        rule.fetch(keys("a"), on: topic("one"))
        rule.fetch(keys("a", "b"), on: topic("two"))
        let queries = rule.queries()
        #expect(queries.map(\.batch.topic) == [topic("one"), topic("two")])
        rule.answer(try #require(queries.first), ["a": "1"])
        rule.answer(queries[1], ["a": "2", "b": "3"])
        #expect(rule.shown("a", on: topic("one")) == "1" && rule.shown("a", on: topic("two")) == "2")
        rule.pass(.milliseconds(10))
        rule.state.invalidate(keys("a"), at: rule.now)
        let again = rule.queries()
        #expect(Set(again.compactMap(\.batch.topic)) == [topic("one"), topic("two")])
        #expect(again.allSatisfy { $0.batch.keys == keys("a") })
    }

    @Test
    mutating func `At most four queries run at once, and the keys that wait are one batch`() {
        for number in 0..<6 {
            rule.fetch([key("k\(number)")])
            rule.pass(.milliseconds(10))
            let queries = rule.queries()
            #expect(queries.count == (number < 4 ? 1 : 0))
        }
        rule.state.finish(1, FetchOutcome(answers: [key("k0"): .nothing]), at: rule.now)
        let queries = rule.queries()
        #expect(queries.map(\.batch.keys) == [keys("k4", "k5")])
    }

    @Test
    mutating func `A key beyond the bound is marked as failed at once, and is queried later without a caller`() {
        rule.fetch(keys(0..<AskedKeys.maximum), within: .zero)
        let last = "k\(AskedKeys.maximum - 1)"
        #expect(rule.shown(last) == "-?")
        let waiter = rule.fetch(keys("one too many"))
        #expect(waiter == nil && rule.shown("one too many") == "-?")
        var asked: Set<Key> = []
        for _ in 0..<500 {
            for query in rule.queries() {
                asked.formUnion(query.batch.keys)
                rule.answer(query)
            }
            rule.pass(.milliseconds(10))
        }
        #expect(asked.count == AskedKeys.maximum + 1 && rule.shown("one too many") == "-")
        #expect(rule.changed.last == Set(keys("one too many")))
        #expect(rule.changed.contains { $0.contains(key(last)) })
    }

    @Test
    mutating func `A key with a value that cannot be shown is incomplete for the TTL, and keeps its last value`() throws
    {
        rule.load(["a": "1"])
        rule.pass(FetchRule.sample.ttl)
        rule.fetch(keys("a", "b"))
        let query = try rule.query()
        rule.finish(query, FetchOutcome(answers: [key("a"): .unusable(.invalid), key("b"): .unusable(.tooLarge)]))
        #expect(rule.shown("a") == "1?" && rule.shown("b") == "-?")
        rule.pass(FetchRule.sample.ttl - .milliseconds(1))
        rule.fetch(keys("a", "b"))
        let none = rule.queries()
        #expect(none.isEmpty && rule.changed.isEmpty)
    }
}
