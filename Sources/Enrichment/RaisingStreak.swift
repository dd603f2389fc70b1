// Rollcall · Enrichment

/// Tells a query that fails whatever it is asked for from one that some keys make fail: pure.
///
/// It changes nothing about what is asked for.
struct RaisingStreak: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// So many failures, for so long, with no answer between them, are the query's fault.
    static let tolerance = (count: 100, time: Duration.seconds(60))

    private var count = 0
    private var since: Instant?
    /// What is wrong with the query.
    private(set) var fault: String?

    mutating func raised(_ reason: String, at now: Instant) -> FetchBreaker.Transition? {
        count += 1
        let start = since ?? now
        since = start
        guard fault == nil, count >= Self.tolerance.count, start + Self.tolerance.time <= now else { return nil }
        fault = reason
        return .opened(reason: reason)
    }

    mutating func answered() -> FetchBreaker.Transition? {
        defer { self = RaisingStreak() }
        return fault == nil ? nil : .closed
    }
}
