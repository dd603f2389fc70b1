// Rollcall · Enrichment

import Metrics
import Postgres

/// How many of the wanted values were in the cache.
struct FetchTally: Hashable, Sendable {
    private(set) var hits = 0
    /// Values that were returned at once, and are fetched again.
    private(set) var stale = 0
    private(set) var misses = 0

    mutating func add(_ value: FetchedValue?, at now: ContinuousClock.Instant) {
        guard let value else { return misses += 1 }
        if value.isStale(at: now) { stale += 1 } else { hits += 1 }
    }
}

/// The metrics of one rule, by field.
///
/// Keys and topics are no dimensions, because their number has no bound. Each counter is made once, because a look-up
/// of a metric takes a lock of the whole process.
struct FetchMetrics: Sendable {
    private let keys: Counter
    private let seconds: Timer
    private let open: Gauge
    private let cache: [String: Counter]
    private let queries: [String: Counter]
    private let refused: [String: Counter]

    init(field: String) {
        let label = [("field", field)]
        func counters(_ name: String, _ dimension: String, _ values: [String]) -> [String: Counter] {
            let pairs = values.map { ($0, Counter(label: name, dimensions: label + [(dimension, $0)])) }
            return Dictionary(uniqueKeysWithValues: pairs)
        }
        keys = Counter(label: "rollcall_fetch_keys_total", dimensions: label)
        seconds = Timer(label: "rollcall_fetch_seconds", dimensions: label)
        cache = counters("rollcall_fetch_cache_total", "result", ["hit", "stale", "miss"])
        queries = counters("rollcall_fetch_queries_total", "outcome", ["answered"] + PostgresError.outcomes)
        refused = counters(
            "rollcall_fetch_refused_total", "reason", FetchOutcome.Unusable.allCases.map(\.rawValue) + ["raised"])
        open = Gauge(label: "rollcall_fetch_breaker_open", dimensions: label)
    }

    func count(_ tally: FetchTally) {
        for (result, count) in [("hit", tally.hits), ("stale", tally.stale), ("miss", tally.misses)] where count > 0 {
            cache[result]?.increment(by: count)
        }
    }

    /// Counts a query that has ended, and its keys.
    func countQuery(keys count: Int, seconds duration: Duration, error: PostgresError?) {
        keys.increment(by: count)
        seconds.record(duration: duration)
        queries[error?.outcome ?? "answered"]?.increment()
    }

    /// Counts the values that cannot be shown.
    func countRefused(_ answers: some Sequence<FetchOutcome.Answer>) {
        for case .unusable(let reason) in answers { refused[reason.rawValue]?.increment() }
    }

    /// Counts keys for which the query raised.
    func countRaised(_ count: Int) {
        if count > 0 { refused["raised"]?.increment(by: count) }
    }

    func note(openBreakers: Int) { open.record(openBreakers) }
}

extension PostgresError {
    /// All values of ``outcome``.
    fileprivate static let outcomes = ["data", "timed_out", "too_large", "busy", "lost", "unavailable", "refused"]

    /// The error as a metric's label.
    fileprivate var outcome: String {
        switch code {
        case _ where isDataFault: "data"
        case .timedOut: "timed_out"
        case .tooLarge: "too_large"
        case .busy: "busy"
        case .lost: "lost"
        case .unavailable, .invalidURL: "unavailable"
        case .refused, .migration: "refused"
        }
    }
}
