// Rollcall · Enrichment

/// The circuit breaker of a rule: permits or stops its queries, and holds its fault.
///
/// Pure: the caller passes the time.
///
/// | state | queries | next state |
/// |---|---|---|
/// | closed | all | open, after ``tolerance`` failures in a row |
/// | open | one probe at a time | closed, after one query that is answered or raises |
///
/// A query that raises for every key is a fault too, but the breaker stays closed: other keys may not raise.
struct FetchBreaker: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A change of ``fault``, which the hook logs.
    enum Transition: Hashable, Sendable {
        case opened(reason: String)
        case closed
    }

    private struct Opening: Sendable {
        var reason: String
        /// The keys of the last failure; the probes take them in turn.
        var keys: [CacheKey]
        var probes = 0
        /// Whether ``Transition/opened(reason:)`` was returned.
        var isReported = true
    }

    static let tolerance = 3
    /// This many errors of data, over this time and without an answer, are a fault of the query.
    static let raisingTolerance = (count: 100, time: Duration.seconds(60))

    /// Nil while the breaker is closed.
    private var opening: Opening?
    /// Failures in a row.
    private var failures = 0
    /// Errors of data since the last answer, and the time of the first.
    private var raisings = 0
    private var raisingSince: Instant?
    private var raisingFault: String?

    init() {}

    /// Makes an open breaker, for a rule that the database has not accepted yet; reports the first failure.
    init(openBecause reason: String) {
        opening = Opening(reason: reason, keys: [], isReported: false)
    }

    var isOpen: Bool { opening != nil }
    /// Why the rule gets no data; nil while it works.
    var fault: String? { opening?.reason ?? raisingFault }

    /// Returns the key of the next probe, another one each time; nil if no key has failed.
    mutating func nextProbe() -> CacheKey? {
        guard let opening, !opening.keys.isEmpty else { return nil }
        self.opening?.probes += 1
        return opening.keys[opening.probes % opening.keys.count]
    }

    /// Handles a query that was answered.
    mutating func succeed() -> Transition? {
        defer { self = FetchBreaker() }
        return fault == nil ? nil : .closed
    }

    /// Handles a query that raised because of the data of a key: the database works.
    mutating func raise(_ reason: String, at now: Instant) -> Transition? {
        failures = 0
        raisings += 1
        let since = raisingSince ?? now
        raisingSince = since
        if isOpen {
            opening = nil
            return .closed
        }
        let (count, time) = Self.raisingTolerance
        guard raisingFault == nil, raisings >= count, since + time <= now else { return nil }
        raisingFault = reason
        return .opened(reason: reason)
    }

    /// Handles a query for these keys that failed for another reason.
    mutating func fail(_ reason: String, keys: [CacheKey]) -> Transition? {
        failures += 1
        guard var current = opening else {
            guard failures >= Self.tolerance else { return nil }
            self = FetchBreaker()
            opening = Opening(reason: reason, keys: keys)
            return .opened(reason: reason)
        }
        defer { opening = current }
        // The one key of a failed probe does not replace the keys, so probes still take turns.
        if keys.count > 1 || current.keys.isEmpty { current.keys = keys }
        current.reason = reason
        if current.isReported { return nil }
        current.isReported = true
        return .opened(reason: reason)
    }
}
