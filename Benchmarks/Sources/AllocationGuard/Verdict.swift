// Rollcall · AllocationGuard

/// What a measured figure means, held against its limit.
public enum Verdict: Sendable {
    case kept
    case exceeded
    /// So far below what was recorded that the limit would let half of the gain be lost unseen.
    case outdated
}
