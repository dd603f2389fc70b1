// Rollcall · Enrichment

/// Decides whether a rule asks the database, and knows its fault: pure, time passed in.
///
/// | state | asks | next |
/// |---|---|---|
/// | closed | everything | open, after ``tolerance`` failures in a row |
/// | open | a probe at a time | closed, by one query that is answered or raises |
///
/// A query that raises for every key is a fault too, but opens nothing: other keys may be well.
struct FetchBreaker: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A change of ``fault`` to be reported, once each.
    enum Transition: Hashable, Sendable {
        case opened(reason: String)
        case closed
    }

    private struct Opening: Sendable {
        var reason: String
        /// The keys that failed last, which are probed in turn.
        var keys: [CacheKey]
        var probes = 0
        var isReported = true
    }

    static let tolerance = 3
    /// So many errors of data, for so long, without an answer, are a fault of the query.
    static let raisingTolerance = (count: 100, time: Duration.seconds(60))

    /// Nil while closed.
    private var opening: Opening?
    /// Failures in a row.
    private var failures = 0
    /// Errors of data since the last answer, and the time of the first.
    private var raisings = 0
    private var raisingSince: Instant?
    private var raisingFault: String?

    init() {}

    /// Begins open, for a rule that the database has not taken yet; its first failure is reported.
    init(openBecause reason: String) {
        opening = Opening(reason: reason, keys: [], isReported: false)
    }

    var isOpen: Bool { opening != nil }
    /// Why there is no data; nil if all is well.
    var fault: String? { opening?.reason ?? raisingFault }

    /// Returns the key to probe the database with, another one each time; nil if no key has failed.
    mutating func nextProbe() -> CacheKey? {
        guard let opening, !opening.keys.isEmpty else { return nil }
        self.opening?.probes += 1
        return opening.keys[opening.probes % opening.keys.count]
    }

    /// A query was answered.
    mutating func answered() -> Transition? {
        defer { self = FetchBreaker() }
        return fault == nil ? nil : .closed
    }

    /// A query failed because of the data of a key: the database works.
    mutating func raised(_ reason: String, at now: Instant) -> Transition? {
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

    /// A query for these keys failed for another reason.
    mutating func failed(_ reason: String, keys: [CacheKey]) -> Transition? {
        failures += 1
        guard var current = opening else {
            guard failures >= Self.tolerance else { return nil }
            self = FetchBreaker()
            opening = Opening(reason: reason, keys: keys)
            return .opened(reason: reason)
        }
        defer { opening = current }
        // The key of a probe must not become the only one.
        if keys.count > 1 || current.keys.isEmpty { current.keys = keys }
        current.reason = reason
        if current.isReported { return nil }
        current.isReported = true
        return .opened(reason: reason)
    }
}
