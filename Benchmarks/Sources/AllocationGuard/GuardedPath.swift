// Rollcall · AllocationGuard

/// A path through a node, and the measured allocations of a unit of work on it.
public struct GuardedPath: Sendable {
    public let name: String
    /// The name of a unit of work, as in "3 allocations per …".
    public let unit: String
    public let cost: AllocationCount

    public init(_ name: String, per unit: String, _ cost: AllocationCount) {
        self.name = name
        self.unit = unit
        self.cost = cost
    }
}
