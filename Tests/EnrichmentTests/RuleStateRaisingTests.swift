// Rollcall · EnrichmentTests

import Postgres
import PresenceModel
import Testing

@testable import Enrichment

@Suite("The state of a rule: when its query raises")
struct RuleStateRaisingTests {
    var rule = RuleUnderTest()

    /// Answers queries at once and moves the clock to each wake, until no wake is left or the time is over.
    mutating func play(raising: (Key) -> Bool, for time: Duration = .seconds(20)) -> [RuleState.Query] {
        var asked: [RuleState.Query] = []
        let end = rule.now + time
        while true {
            let queries = rule.queries()
            asked += queries
            for query in queries {
                if query.batch.keys.contains(where: raising) { rule.fail(query, raised) } else { rule.answer(query) }
            }
            guard queries.isEmpty else { continue }
            guard let wake = rule.wake, rule.now + wake <= end else { return asked }
            rule.pass(max(wake, .milliseconds(1)))
        }
    }

    @Test
    mutating func `Three hundred keys that raise delay the data of two hundred others by at most three seconds`() {
        let (good, bad) = (keys(0..<200), Set(keys(200..<500)))
        rule.fetch((bad + good).shuffled())
        let start = rule.now
        let asked = play(raising: bad.contains)
        #expect(asked.count == 501 && rule.now - start < .seconds(3))
        #expect(asked.dropFirst().allSatisfy { $0.isAlone && $0.batch.keys.count == 1 })
        for key in good { #expect(rule.shown(key.text) == "-") }
        for key in bad { #expect(rule.shown(key.text) == "-?") }
        #expect(rule.state.fault == nil && rule.transitions.isEmpty)
        #expect(rule.raised == 300 && rule.settled.count == 1)
    }

    @Test
    mutating func `While keys are queried one by one, a batch of other keys begins without them and without delay`() {
        rule.fetch(keys(0..<500))
        for query in rule.queries() { rule.fail(query, raised) }
        let alone = rule.queries()
        rule.pass(.milliseconds(10))
        rule.fetch(keys("clean"))
        rule.fetch(keys("k1"))
        let queries = rule.queries()
        #expect(alone.map(\.batch.keys) == [keys("k0"), keys("k1")] && alone.allSatisfy(\.isAlone))
        #expect(queries.map(\.batch.keys) == [keys("clean")])
    }

    @Test
    mutating func
        `A key of a batch that raises gets its data within ten seconds, even if thousands of keys raised before`()
    {
        let old = Set(keys(0..<5_000))
        rule.fetch(keys(0..<5_000))
        _ = play(raising: old.contains, for: .seconds(60))
        rule.pass(.seconds(60))
        rule.fetch(keys(0..<5_000))
        let fresh = (0..<FetchBatcher.maximumKeys).map { key("new \($0)") }
        rule.fetch(fresh)
        let start = rule.now
        _ = play(raising: { old.contains($0) || $0.text == "new 7" }, for: .seconds(10))
        #expect(rule.now - start <= .seconds(10))
        for key in fresh where key.text != "new 7" { #expect(rule.shown(key.text) == "-") }
        #expect(rule.shown("new 7") == "-?")
    }

    @Test
    mutating func `A key that raised is queried again alone, after a pause that doubles up to the TTL`() throws {
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
        #expect(together.count == 1, "it shares a batch again after an answer")
    }

    @Test
    mutating func `A key that raises keeps its last data as incomplete, and is queried at once when it changes`() throws
    {
        rule.load(["bad": "1"])
        rule.pass(FetchRule.sample.ttl)
        rule.fetch(keys("bad"))
        rule.fail(try rule.query(), raised)
        _ = rule.queries()
        #expect(rule.shown("bad") == "1?" && rule.changed.isEmpty)
        rule.pass(.milliseconds(10))
        rule.state.invalidate(keys("bad"), at: rule.now)
        rule.answer(try rule.query(), ["bad": "1"])
        _ = rule.queries()
        #expect(rule.shown("bad") == "1" && rule.changed == [Set(keys("bad"))])
    }

    @Test
    mutating func `A suspect is still a suspect after an outage of the database`() throws {
        rule.fetch(keys("bad", "a", "b"))
        rule.fail(try rule.query(), raised)
        for query in rule.queries() { rule.fail(query) }
        rule.open()
        rule.answer(try rule.probe())
        rule.fetch(keys("clean"))
        let bad = key("bad")
        let asked = play(raising: { $0 == bad })
        for query in asked where !query.isAlone {
            #expect(Set(query.batch.keys).isDisjoint(with: keys("bad", "a", "b")))
        }
        #expect(rule.shown("a") == "-" && rule.shown("bad") == "-?")
        #expect(rule.changed.reduce(into: Set()) { $0.formUnion($1) }.isSuperset(of: keys("a", "b")))
    }

    @Test
    mutating func `A change of a key during its own query is reported, also if that query raises`() throws {
        rule.fetch(keys("a", "bad"))
        rule.fail(try rule.query(), raised)
        let alone = rule.queries()
        #expect(alone.map(\.batch.keys) == [keys("a"), keys("bad")])
        rule.state.invalidate(keys("bad"), at: rule.now)
        rule.answer(try #require(alone.first))
        rule.fail(try #require(alone.last), raised)
        let asked = play(raising: { _ in false })
        #expect(asked.map(\.batch.keys) == [keys("bad")] && rule.shown("bad") == "-")
        #expect(rule.changed == [Set(keys("bad"))])
    }

    @Test
    mutating func `A query that raises for every key is a fault after a minute, and continues`() {
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

    @Test(arguments: [FetchRule.sample, .topical])
    mutating func `A query that raises for every key runs at most three hundred times a second`(
        _ sample: FetchRule
    ) {
        rule = RuleUnderTest(sample)
        var asked = 0
        for step in 0..<5_000 {
            // A thousand keys a second, on as many topics.
            rule.fetch(keys("\(step) a"), on: topic("topic \(step)"))
            for query in rule.queries() {
                asked += 1
                rule.fail(query, raised)
            }
            rule.pass(.milliseconds(1))
        }
        #expect(asked > 450 && asked <= 5 * 300)
        #expect(rule.state.fault == nil && !rule.state.isOpen)
    }

    @Test
    mutating func `Suspects beyond the bound are marked as failed at once, and queried alone when there is room`() {
        let count = OneByOneQueue.maximum + 2 * FetchBatcher.maximumKeys
        rule.fetch(keys(0..<count))
        let bad = key("k0")
        var (failed, alone): (Int, [RuleState.Query]) = (0, [])
        while failed < count {
            for query in rule.queries() {
                guard !query.isAlone else {
                    alone.append(query)
                    continue
                }
                rule.fail(query, raised)
                failed += query.batch.keys.count
            }
            rule.pass(.milliseconds(1))
        }
        #expect(alone.count == OneByOneQueue.width && rule.shown("k\(count - 1)") == "-?")
        rule.pass(.milliseconds(10))
        rule.fetch(keys("clean"))
        let queries = rule.queries()
        #expect(queries.map(\.batch.keys) == [keys("clean")])
        for query in alone + queries { rule.answer(query) }
        let asked = play(raising: { $0 == bad }, for: .seconds(30))
        #expect(asked.allSatisfy(\.isAlone) && rule.shown("k\(count - 1)") == "-")
    }
}
