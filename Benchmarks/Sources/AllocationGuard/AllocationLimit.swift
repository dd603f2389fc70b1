// Rollcall · AllocationGuard

/// The recorded and the permitted number of allocations of a path, for each unit of work.
public struct AllocationLimit: Codable, Equatable, Sendable {
    public let recorded: Double
    public let permitted: Double

    public init(recorded: Double, permitted: Double) {
        self.recorded = recorded
        self.permitted = permitted
    }

    /// Permits a tenth more than the measured figure, or a quarter of an allocation where a tenth is less.
    ///
    /// Two runs differ by a hundredth. One allocation more for each subscriber always exceeds the limit.
    public init(recording measured: Double) {
        recorded = Self.rounded(measured)
        permitted = Self.rounded(measured + Self.margin(of: measured))
    }

    /// Compares a measured figure with the limit.
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
