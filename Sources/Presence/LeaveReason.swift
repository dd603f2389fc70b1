// Rollcall · Presence

/// Why a presence ended; every leave has exactly one.
package enum LeaveReason: String, Sendable, CaseIterable {
    /// Someone asked for it.
    case untracked
    /// Its stream ended and the grace is over, or was 0.
    case closed
    /// No heartbeat came in time.
    case expired
    /// Only its lease was left in Redis: somebody deleted keys, or Redis evicted them.
    case evicted
    /// Known only by its absence, after Redis lost state.
    case lost
}
