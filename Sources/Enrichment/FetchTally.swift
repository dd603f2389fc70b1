// Rollcall · Enrichment

/// How many values were there when they were wanted.
struct FetchTally: Hashable, Sendable {
    private(set) var hits = 0
    /// Given at once, and fetched anew.
    private(set) var stale = 0
    private(set) var misses = 0

    mutating func add(_ value: FetchedValue?, at now: ContinuousClock.Instant) {
        guard let value else { return misses += 1 }
        if value.isStale(at: now) { stale += 1 } else { hits += 1 }
    }
}
