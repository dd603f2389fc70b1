// Rollcall · EnrichmentTests

import Postgres
import PresenceModel
import Testing

@testable import Enrichment

@Suite("The state of a rule: when the database does not answer")
struct RuleStateOutageTests {
    var rule = RuleUnderTest()

    @Test
    mutating func `A refetch that fails keeps the last known value as incomplete, and is retried without a caller`()
        throws
    {
        rule.load(["a": "1"])
        rule.pass(FetchRule.sample.ttl)
        rule.fetch(keys("a"))
        rule.fail(try rule.query())
        _ = rule.queries()
        #expect(rule.shown("a") == "1?" && rule.changed.isEmpty)
        #expect(rule.wake == RuleState.retryPause)
        rule.pass(RuleState.retryPause)
        let again = rule.queries()
        #expect(again.map(\.batch.keys) == [keys("a")])
        rule.answer(try #require(again.first), ["a": "1"])
        _ = rule.queries()
        #expect(
            rule.shown("a") == "1" && rule.changed == [Set(keys("a"))], "reported as complete again, with the same data"
        )
    }

    @Test
    mutating func
        `Three failures in a row open the breaker: waits end at once, and no further query begins`() throws
    {
        rule.load(["known": "1"])
        for number in 0..<2 {
            rule.pass(.milliseconds(10))
            rule.fetch([key("k\(number)")])
            rule.fail(try rule.query())
        }
        #expect(rule.state.fault == nil)
        rule.pass(.milliseconds(10))
        rule.fetch(keys("third"))
        let third = try rule.query()
        let waiter = try rule.wait(for: keys("waiting"))
        rule.fail(third)
        _ = rule.queries()
        rule.pass(FetchBatcher.window)
        _ = rule.queries()
        #expect(rule.state.fault == "the connection was lost")
        #expect(rule.transitions == [.opened(reason: "the connection was lost")])
        #expect(rule.settled.contains(waiter) && rule.shown("waiting") == "-?")
        let late = rule.fetch(keys("late", "known"))
        rule.pass(.seconds(5))
        let none = rule.queries()
        #expect(late == nil && none.isEmpty && rule.wake == nil)
        #expect(rule.known("late")?.failure == .outage && rule.shown("known") == "1")
    }

    @Test
    mutating func `When the breaker opens, the waiting keys are given up in small parts, without a pause`() {
        rule.fetch(keys(0..<10_000))
        var waiting = rule.queries()
        for number in 0..<100 {
            for query in waiting { rule.fail(query) }
            waiting = rule.queries()
            if rule.wake == nil {
                #expect(number > 2)
                break
            }
            if number == 0 { #expect(rule.wake == .zero) }
        }
        #expect(rule.settled.count == 1 && waiting.isEmpty && rule.shown("k9999") == "-?")
    }

    @Test
    mutating func `Failures that are not in a row leave the breaker closed`() {
        for number in 0..<10 {
            rule.fetch([key("k\(number)")])
            for query in rule.queries() {
                if number % 3 == 2 { rule.answer(query) } else { rule.fail(query) }
            }
            rule.pass(.milliseconds(10))
        }
        #expect(rule.state.fault == nil && rule.transitions.isEmpty)
    }

    @Test
    mutating func `A value that becomes stale while the breaker is open is shown as incomplete`() {
        rule.load(["a": "1"])
        rule.open()
        #expect(rule.known("a")?.failure == nil)
        rule.pass(FetchRule.sample.ttl)
        #expect(rule.known("a")?.failure == .outage && rule.shown("a") == "1?")
    }

    @Test
    mutating func `An incomplete entry is reported when it is complete again, even if its data is the same`() throws {
        rule.load(["a": "1"])
        rule.fetch(keys("absent"))
        for query in rule.queries() { rule.answer(query) }
        rule.open()
        rule.pass(FetchRule.sample.ttl)
        #expect(rule.known("a")?.failure == .outage && rule.known("absent")?.failure == .outage)
        #expect(rule.changed.isEmpty)
        rule.answer(try rule.probe())
        for query in rule.queries() { rule.answer(query, ["a": "1"]) }
        _ = rule.queries()
        #expect(rule.changed.reduce(into: Set()) { $0.formUnion($1) }.isSuperset(of: keys("a", "absent")))
    }

    @Test
    mutating func `A key that its caller did not wait for is reported when it has data, even if its first query fails`()
        throws
    {
        rule.fetch(keys("a", "absent"), within: .milliseconds(1))
        let late = try rule.query()
        rule.pass(.milliseconds(1))
        _ = rule.queries()
        #expect(rule.shown("a") == "-?" && rule.shown("absent") == "-?")
        rule.fail(late)
        _ = rule.queries()
        rule.pass(RuleState.retryPause)
        rule.answer(try rule.query(), ["a": "1"])
        _ = rule.queries()
        #expect(rule.changed == [Set(keys("a", "absent"))])
    }

    @Test
    mutating func `One answered probe closes the breaker, and all incomplete keys are fetched and reported`() throws {
        rule.open()
        rule.fetch(keys("a", "b"))
        let failing = try rule.probe()
        rule.fail(failing)
        _ = rule.queries()
        #expect(rule.state.fault != nil && rule.transitions.count == 1, "reported once")
        let probe = try rule.probe()
        #expect(probe.batch.keys.count == 1)
        rule.answer(probe)
        let queries = rule.queries()
        #expect(rule.state.fault == nil && rule.transitions.last == .closed)
        let incomplete = Set(keys("a", "b", "unlucky 0", "unlucky 1", "unlucky 2"))
        #expect(Set(queries.flatMap(\.batch.keys)) == incomplete.subtracting(probe.batch.keys))
        for query in queries { rule.answer(query, ["a": "1"]) }
        _ = rule.queries()
        #expect(rule.changed.reduce(into: Set()) { $0.formUnion($1) } == incomplete)
        #expect(rule.shown("a") == "1" && rule.shown("b") == "-")
    }

    @Test
    mutating func `A key that is invalidated while the breaker is open is reported when its new data is there`() throws
    {
        rule.load(["a": "1"])
        rule.open()
        rule.state.invalidate(keys("a"), at: rule.now)
        #expect(rule.shown("a") == "1?")
        rule.answer(try rule.probe())
        for query in rule.queries() { rule.answer(query, ["a": "2"]) }
        _ = rule.queries()
        #expect(rule.shown("a") == "2" && rule.changed.contains { $0.contains(key("a")) })
    }

    @Test
    mutating func `A probe that raises closes the breaker`() throws {
        rule.open()
        rule.fail(try rule.probe(), raised)
        _ = rule.queries()
        #expect(rule.state.fault == nil && rule.transitions.last == .closed)
    }

    @Test
    mutating func
        `Until the database has accepted a rule, its keys are incomplete, and only its first failure is reported`()
    {
        rule = RuleUnderTest(breaker: FetchBreaker(openBecause: "not checked yet"))
        let waiter = rule.fetch(keys("a"))
        #expect(waiter == nil && rule.shown("a") == "-?" && rule.state.fault == "not checked yet")
        for _ in 0..<2 { rule.state.fail("it is away") }
        _ = rule.queries()
        #expect(rule.transitions == [.opened(reason: "it is away")] && rule.state.fault == "it is away")
        let probe = rule.state.probe()
        #expect(probe == nil && rule.state.fault == nil, "the acceptance of the rule is enough")
        for query in rule.queries() { rule.answer(query, ["a": "1"]) }
        _ = rule.queries()
        #expect(rule.shown("a") == "1" && rule.changed == [Set(keys("a"))])
    }
}
