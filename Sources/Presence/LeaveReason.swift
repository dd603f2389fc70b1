// Rollcall · Presence

/// Why a presence ended; every leave has exactly one.
package enum LeaveReason: String, Sendable, CaseIterable {
    /// A client removed it.
    case untracked
    /// Its stream ended and the grace is over, or was 0.
    case closed
    /// No heartbeat came in time.
    case expired
    /// Redis had only its lease left: keys were deleted, or Redis evicted them.
    case evicted
    /// It is missing after Redis lost data.
    case lost
}
