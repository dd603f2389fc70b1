// Rollcall · AllocationGuard

/// How often a path allocated for each unit when that was last recorded, and how often it may.
public struct AllocationLimit: Codable, Equatable, Sendable {
    public let recorded: Double
    public let permitted: Double

    public init(recorded: Double, permitted: Double) {
        self.recorded = recorded
        self.permitted = permitted
    }

    /// Permits a tenth more than was measured, or a quarter of an allocation where a tenth is less.
    ///
    /// Two runs differ by a hundredth; one allocation more for each subscriber is never within.
    public init(recording measured: Double) {
        recorded = Self.rounded(measured)
        permitted = Self.rounded(measured + Self.margin(of: measured))
    }

    /// What the measured figure means.
    public func verdict(on measured: Double) -> Verdict {
        if measured > permitted { return .exceeded }
        return measured < recorded - Self.margin(of: recorded) ? .outdated : .kept
    }

    private static func margin(of measured: Double) -> Double {
        max(0.1 * measured, 0.25)
    }

    private static func rounded(_ value: Double) -> Double {
        (value * 100).rounded() / 100
    }
}
