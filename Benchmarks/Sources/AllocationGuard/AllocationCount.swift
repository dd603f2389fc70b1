// Rollcall · AllocationGuard

/// A number of allocations and their bytes, or the mean of both over some units.
public struct AllocationCount: Equatable, Sendable {
    public var number: Double
    public var bytes: Double

    public init(number: Double, bytes: Double) {
        self.number = number
        self.bytes = bytes
    }

    public static let zero = AllocationCount(number: 0, bytes: 0)

    public static func += (sum: inout AllocationCount, more: AllocationCount) {
        sum.number += more.number
        sum.bytes += more.bytes
    }

    public static func - (more: AllocationCount, less: AllocationCount) -> AllocationCount {
        AllocationCount(number: more.number - less.number, bytes: more.bytes - less.bytes)
    }

    public static func * (count: AllocationCount, factor: Double) -> AllocationCount {
        AllocationCount(number: count.number * factor, bytes: count.bytes * factor)
    }

    public static func / (count: AllocationCount, units: Double) -> AllocationCount {
        count * (1 / units)
    }

    /// The median of each figure separately; for an even number of counts the upper one.
    public static func median(_ counts: [AllocationCount]) -> AllocationCount {
        func middle(_ values: [Double]) -> Double { values.isEmpty ? 0 : values.sorted()[values.count / 2] }
        return AllocationCount(number: middle(counts.map(\.number)), bytes: middle(counts.map(\.bytes)))
    }
}
