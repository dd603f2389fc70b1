// Rollcall · AllocationGuard

/// The result of a comparison of a measured figure with its limit.
public enum Verdict: Sendable {
    case kept
    case exceeded
    /// So far below the recorded figure that a loss of half of the gain would stay within the limit.
    case outdated
}
