// Rollcall · AllocationGuard

/// A path through a node, and what a unit of work on it was measured to allocate.
public struct GuardedPath: Sendable {
    public let name: String
    /// What a unit of the work is, as in "3 allocations per …".
    public let unit: String
    public let cost: AllocationCount

    public init(_ name: String, per unit: String, _ cost: AllocationCount) {
        self.name = name
        self.unit = unit
        self.cost = cost
    }
}
