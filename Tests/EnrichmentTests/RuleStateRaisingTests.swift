// Rollcall · EnrichmentTests

import Postgres
import Presence
import Testing

@testable import Enrichment

@Suite("The state of a rule: when the data of keys makes its query fail")
struct RuleStateRaisingTests {
    var rule = RuleUnderTest()

    /// Passes time until nothing is asked for any more; gives what was asked.
    mutating func play(raising: Set<Key>, for time: Duration = .seconds(20)) -> [RuleState.Query] {
        var asked: [RuleState.Query] = []
        let end = rule.now + time
        while true {
            let queries = rule.queries()
            asked += queries
            for query in queries {
                if raising.isDisjoint(with: query.batch.keys) {
                    rule.answer(query, ["good": "1"])
                } else {
                    rule.fail(query, raised)
                }
            }
            guard queries.isEmpty else { continue }
            guard let wake = rule.wake, rule.now + wake <= end else { return asked }
            rule.pass(wake)
        }
    }

    @Test
    mutating func `Three hundred keys that raise cost two hundred others seconds and queries, but not their data`() {
        let (good, bad) = (keys(0..<200), keys(200..<500))
        rule.fetch((bad + good).shuffled())
        let start = rule.now
        let asked = play(raising: Set(bad))
        #expect(asked.count < 800 && rule.now - start < .seconds(10))
        #expect(asked.dropFirst().allSatisfy { $0.isSearch })
        for key in good { #expect(rule.shown(key.text) == "-") }
        for key in bad { #expect(rule.shown(key.text) == "-?") }
        #expect(rule.state.fault == nil && rule.transitions.isEmpty)
        #expect(rule.raised == 300)
    }

    @Test
    mutating func `While keys are looked through that may raise, others are asked for without them, and at once`() {
        rule.fetch(keys(0..<500))
        for query in rule.queries() { rule.fail(query, raised) }
        let suspects = rule.queries()
        rule.pass(.milliseconds(10))
        rule.fetch(keys("clean"))
        rule.fetch(keys("k1"))
        let queries = rule.queries()
        #expect(suspects.map(\.isSearch) == [true] && queries.map(\.batch.keys) == [keys("clean")])
    }

    @Test
    mutating func
        `A key that raised is asked for again apart from all others, after a pause that doubles up to the TTL`() throws
    {
        for pause in [5, 10, 20, 40, 60, 60] as [Int64] {
            rule.fetch(keys("bad"))
            rule.fail(try rule.query(), raised)
            _ = rule.queries()
            rule.pass(.seconds(pause) - .milliseconds(1))
            rule.fetch(keys("bad"))
            let early = rule.queries()
            #expect(early.isEmpty && rule.shown("bad") == "-?")
            rule.pass(.milliseconds(1))
        }
        rule.fetch(keys("good", "bad"))
        let queries = rule.queries()
        #expect(Set(queries.map(\.batch.keys)) == [keys("good"), keys("bad")])
        for query in queries { rule.answer(query, ["bad": "1"]) }
        _ = rule.queries()
        #expect(rule.shown("bad") == "1" && rule.changed == [Set(keys("bad"))] && rule.state.fault == nil)
        rule.pass(FetchRule.sample.ttl)
        rule.fetch(keys("good", "bad"))
        let together = rule.queries()
        #expect(together.count == 1, "it is as good as any other")
    }

    @Test
    mutating func `What is suspect when the database goes away is suspect when it is back`() throws {
        rule.fetch(keys("bad", "a", "b"))
        rule.fail(try rule.query(), raised)
        rule.fail(try rule.query())
        rule.open()
        rule.answer(try rule.probe())
        rule.fetch(keys("clean"))
        let asked = play(raising: Set(keys("bad")))
        for query in asked where !query.isSearch {
            #expect(Set(query.batch.keys).isDisjoint(with: keys("bad", "a", "b")))
        }
        #expect(rule.shown("a") == "-" && rule.shown("bad") == "-?")
        #expect(rule.changed.reduce(into: Set()) { $0.formUnion($1) }.isSuperset(of: keys("a", "b")))
    }

    @Test
    mutating func `What changes while it is looked through is told, also when it raised a moment before`() throws {
        rule.fetch(keys("a", "bad"))
        rule.fail(try rule.query(), raised)
        let a = try rule.query()
        rule.answer(a)
        rule.pass(SuspectSearch.pause)
        let bad = try rule.query()
        rule.state.invalidate(keys("bad"), at: rule.now)
        rule.fail(bad, raised)
        let asked = play(raising: [])
        #expect(asked.map(\.batch.keys) == [keys("bad")] && rule.shown("bad") == "-")
        #expect(rule.changed == [Set(keys("bad"))])
    }

    @Test
    mutating func `A query that raises whatever it is asked for is a fault after a minute, and asks on`() {
        for number in 0..<300 {
            rule.fetch([key("k\(number)")])
            for query in rule.queries() { rule.fail(query, raised) }
            #expect((rule.state.fault == nil) == (number < 120))
            rule.pass(.milliseconds(500))
        }
        let reason = "the data makes the query fail (SQLSTATE P0001)"
        #expect(rule.state.fault == reason && rule.transitions == [.opened(reason: reason)] && !rule.state.isOpen)
        rule.fetch(keys("good"))
        for query in rule.queries() { rule.answer(query) }
        _ = rule.queries()
        #expect(rule.state.fault == nil && rule.transitions.last == .closed)
    }

    @Test
    mutating func `Beyond their bound suspects are owed, and looked through when there is room`() {
        let count = SuspectSearch.maximum + 2 * FetchBatcher.maximumKeys
        rule.fetch(keys(0..<count))
        rule.fetch(keys("bad"))
        var failed = 0
        while failed < count {
            for query in rule.queries() where !query.isSearch {
                rule.fail(query, raised)
                failed += query.batch.keys.count
            }
            rule.pass(.milliseconds(10))
        }
        #expect(rule.shown("k\(count - 1)") == "-?")
        rule.fetch(keys("clean"))
        let queries = rule.queries()
        #expect(queries.contains { $0.batch.keys == keys("clean") })
    }
}
