// Rollcall · Enrichment

import Metrics
import Postgres

/// The metrics of one rule, by field: never by key or topic, which are without number.
struct FetchMetrics: Sendable {
    private let keys: Counter
    private let seconds: Timer
    private let hits: Counter
    private let stale: Counter
    private let misses: Counter
    private let open: Gauge
    /// By outcome and by reason, which are few; made once, since a metric is found under a lock of the whole process.
    private let queries: [String: Counter]
    private let refused: [String: Counter]

    init(field: String) {
        let label = [("field", field)]
        keys = Counter(label: "rollcall_fetch_keys_total", dimensions: label)
        seconds = Timer(label: "rollcall_fetch_seconds", dimensions: label)
        func cache(_ result: String) -> Counter {
            Counter(label: "rollcall_fetch_cache_total", dimensions: label + [("result", result)])
        }
        (hits, stale, misses) = (cache("hit"), cache("stale"), cache("miss"))
        func counters(_ label: String, _ dimension: String, _ values: [String]) -> [String: Counter] {
            Dictionary(
                uniqueKeysWithValues: values.map { value in
                    (value, Counter(label: label, dimensions: [("field", field), (dimension, value)]))
                })
        }
        queries = counters("rollcall_fetch_queries_total", "outcome", ["answered"] + PostgresError.outcomes)
        refused = counters(
            "rollcall_fetch_refused_total", "reason", FetchOutcome.Unusable.allCases.map(\.rawValue) + ["raised"])
        open = Gauge(label: "rollcall_fetch_breaker_open", dimensions: label)
    }

    func count(_ tally: FetchTally) {
        if tally.hits > 0 { hits.increment(by: tally.hits) }
        if tally.stale > 0 { stale.increment(by: tally.stale) }
        if tally.misses > 0 { misses.increment(by: tally.misses) }
    }

    /// A query for so many keys has ended.
    func countQuery(keys count: Int, seconds duration: Duration, error: PostgresError?) {
        keys.increment(by: count)
        seconds.record(duration: duration)
        queries[error?.outcome ?? "answered"]?.increment()
    }

    /// Values came that cannot be shown.
    func countRefused(_ answers: some Sequence<FetchOutcome.Answer>) {
        var counts: [String: Int] = [:]
        for case .unusable(let reason) in answers { counts[reason.rawValue, default: 0] += 1 }
        for (reason, count) in counts { countRefused(reason, count) }
    }

    /// Keys were found for which the query fails.
    func countRaised(_ count: Int) {
        if count > 0 { countRefused("raised", count) }
    }

    private func countRefused(_ reason: String, _ count: Int) {
        refused[reason]?.increment(by: count)
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
