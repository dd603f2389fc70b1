// Rollcall · Enrichment

/// What is known of a slot.
struct FetchedValue: Hashable, Sendable {
    /// Why the last fetch gave nothing to show.
    enum Failure: Sendable {
        /// The database did not answer; the hook asks again by itself as soon as it does.
        case outage
        /// The database answered, with an error because of this very key or with a value that cannot be shown; it is asked
        /// again when its time is over and somebody wants it.
        case data
    }

    /// Compact JSON, the last that came; nil if that was no row or NULL, or if nothing ever came.
    var json: [UInt8]?
    /// Nil after an answer.
    var failure: Failure?
    /// How long it was last left alone because its data makes queries fail, zero where that is a suspicion; else nil.
    var pause: Duration?
    /// When it is to be fetched anew.
    var freshUntil: ContinuousClock.Instant
    /// How many revalidations had begun when it was noted, or asked for again.
    var round: Int

    func isStale(at now: ContinuousClock.Instant) -> Bool { now >= freshUntil }
}
