// Rollcall · EnrichmentTests

import Postgres
import PresenceModel
import Testing

@testable import Enrichment

/// The state of a rule, with a clock that only the test moves.
struct RuleUnderTest {
    var state: RuleState
    var now = ContinuousClock.now
    /// All actions so far, but the queries.
    private(set) var changed: [Set<Key>] = []
    private(set) var settled: Set<Int> = []
    private(set) var transitions: [FetchBreaker.Transition] = []
    private(set) var raised = 0
    /// The time until the wake of the last actions.
    private(set) var wake: Duration?

    init(
        _ rule: FetchRule = .sample, breaker: FetchBreaker = FetchBreaker(), cacheBytes: Int = FetchCache.standardBytes
    ) {
        state = RuleState(rule: rule, breaker: breaker, cacheBytes: cacheBytes)
    }

    mutating func pass(_ time: Duration) { now += time }

    func cacheKey(of key: Key, on topic: Topic) -> CacheKey {
        CacheKey(key: key, topic: state.rule.takesTopic ? topic : nil)
    }

    /// Fetches keys; returns the waiter, or nil if none is needed.
    @discardableResult
    mutating func fetch(_ keys: [Key], within time: Duration? = nil, on topic: Topic = topic("room")) -> Int? {
        var tally = FetchTally()
        let cacheKeys = keys.map { cacheKey(of: $0, on: topic) }
        return state.fetch(cacheKeys, by: time.map { now + $0 }, tally: &tally, at: now)
    }

    /// Fetches keys that are not known; returns the waiter.
    mutating func wait(for keys: [Key], within time: Duration? = nil) throws -> Int {
        let waiter = fetch(keys, within: time)
        return try #require(waiter)
    }

    /// Returns a probe; fails the test if there is none.
    mutating func probe() throws -> RuleState.Query {
        let query = state.probe()
        return try #require(query)
    }

    mutating func known(_ name: String, on topic: Topic = topic("room")) -> FetchedValue? {
        state.known(cacheKey(of: key(name), on: topic), at: now)
    }

    /// The text that is shown after the wait: `-` for no data, and a `?` behind an incomplete value.
    mutating func shown(_ name: String, on topic: Topic = topic("room")) -> String {
        let value = state.shown(cacheKey(of: key(name), on: topic), at: now)
        return (value.json.map { String(decoding: $0, as: UTF8.self) } ?? "-") + (value.failure == nil ? "" : "?")
    }

    /// Takes the actions and records them; returns the queries.
    mutating func queries() -> [RuleState.Query] {
        state.advance(to: now)
        let actions = state.takeActions(at: now)
        if !actions.changed.isEmpty { changed.append(actions.changed) }
        settled.formUnion(actions.settled)
        transitions += actions.transitions
        raised += actions.raised
        wake = actions.wake.map { now.duration(to: $0) }
        return actions.queries
    }

    /// Takes the actions; returns the first query, and fails the test if there is none.
    mutating func query() throws -> RuleState.Query {
        let queries = queries()
        return try #require(queries.first)
    }

    /// Answers a query with `data`; the other keys of the query have no row.
    mutating func answer(_ query: RuleState.Query, _ data: [String: String] = [:]) {
        let answers = query.batch.keys.map { key in
            (key, data[key.text].map { FetchOutcome.Answer.data(bytes($0)) } ?? .nothing)
        }
        finish(query, FetchOutcome(answers: Dictionary(uniqueKeysWithValues: answers)))
    }

    mutating func finish(_ query: RuleState.Query, _ outcome: FetchOutcome) {
        state.finish(query.number, outcome, at: now)
    }

    mutating func fail(_ query: RuleState.Query, _ error: PostgresError = lost) {
        finish(query, FetchOutcome(failure: error))
    }

    /// Fetches the keys of `data` and answers at once.
    mutating func load(_ data: [String: String]) {
        fetch(data.keys.map(key))
        for query in queries() { answer(query, data) }
        _ = queries()
    }

    /// Lets three queries in a row fail.
    mutating func open(with name: String = "unlucky") {
        for number in 0..<FetchBreaker.tolerance {
            pass(FetchBatcher.window)
            fetch([key("\(name) \(number)")])
            for query in queries() { fail(query) }
        }
        pass(FetchBatcher.window)
        _ = queries()
    }
}
