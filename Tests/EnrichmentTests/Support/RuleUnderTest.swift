// Rollcall · EnrichmentTests

import Postgres
import Presence
import Testing

@testable import Enrichment

/// A rule's state with a clock that only tests move.
struct RuleUnderTest {
    var state: RuleState
    var now = ContinuousClock.now
    /// All that actions have said so far.
    private(set) var changed: [Set<Key>] = []
    private(set) var settled: Set<Int> = []
    private(set) var transitions: [FetchBreaker.Transition] = []
    private(set) var raised = 0
    /// What the last actions said.
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

    /// Fetches and gives the waiter, if one is needed.
    @discardableResult
    mutating func fetch(_ keys: [Key], within time: Duration? = nil, on topic: Topic = topic("room")) -> Int? {
        var tally = FetchTally()
        let cacheKeys = keys.map { cacheKey(of: $0, on: topic) }
        return state.fetch(cacheKeys, by: time.map { now + $0 }, tally: &tally, at: now)
    }

    /// Fetches what is sure to need waiting.
    mutating func wait(for keys: [Key], within time: Duration? = nil) throws -> Int {
        let waiter = fetch(keys, within: time)
        return try #require(waiter)
    }

    /// Probes while a probe is due.
    mutating func probe() throws -> RuleState.Query {
        let query = state.probe()
        return try #require(query)
    }

    mutating func known(_ name: String, on topic: Topic = topic("room")) -> FetchedValue? {
        state.known(cacheKey(of: key(name), on: topic), at: now)
    }

    /// The text that is shown after waiting: `?` for what is incomplete, `-` for no data.
    mutating func shown(_ name: String, on topic: Topic = topic("room")) -> String {
        let value = state.shown(cacheKey(of: key(name), on: topic), at: now)
        return (value.json.map { String(decoding: $0, as: UTF8.self) } ?? "-") + (value.failure == nil ? "" : "?")
    }

    /// Takes actions, noting all but the queries, which it gives.
    mutating func queries() -> [RuleState.Query] {
        state.timeCame(at: now)
        let actions = state.takeActions(at: now)
        if !actions.changed.isEmpty { changed.append(actions.changed) }
        settled.formUnion(actions.settled)
        transitions += actions.transitions
        raised += actions.raised
        wake = actions.wake.map { now.duration(to: $0) }
        return actions.queries
    }

    /// Takes actions, of which one must be a query.
    mutating func query() throws -> RuleState.Query {
        let queries = queries()
        return try #require(queries.first)
    }

    /// Answers a query: `data` for its keys, nothing for those that are not there.
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

    /// Fetches keys and answers at once.
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
