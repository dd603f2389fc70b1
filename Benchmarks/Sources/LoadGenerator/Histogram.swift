// Rollcall · LoadGenerator

/// Counts of durations in nanoseconds, in steps of at most 1/64 of their size.
///
/// Recording does not allocate.
///
/// Each power of two has 64 buckets, as in HdrHistogram.
public struct Histogram {
    private static let steps = 64
    private var counts = [UInt32](repeating: 0, count: 60 * steps)
    public private(set) var count = 0
    public private(set) var sum: UInt64 = 0
    public private(set) var largest: UInt64 = 0

    public init() {}

    public mutating func record(_ value: UInt64) {
        counts[min(Self.bucket(of: value), counts.count - 1)] &+= 1
        count += 1
        sum &+= value
        if value > largest { largest = value }
    }

    public mutating func clear() {
        self = Histogram()
    }

    public static func += (sum: inout Histogram, more: Histogram) {
        for index in sum.counts.indices { sum.counts[index] &+= more.counts[index] }
        sum.count += more.count
        sum.sum &+= more.sum
        sum.largest = max(sum.largest, more.largest)
    }

    /// The value below which this part (0…1) of the recorded values lies; 0 without values.
    public func percentile(_ part: Double) -> UInt64 {
        let rank = Int(part * Double(count))
        var seen = 0
        for index in counts.indices where counts[index] > 0 {
            seen += Int(counts[index])
            if seen > rank { return min(Self.value(of: index), largest) }
        }
        return largest
    }

    public func milliseconds(_ part: Double) -> Double {
        Double(percentile(part)) / 1e6
    }

    public var meanMilliseconds: Double {
        count == 0 ? 0 : Double(sum) / Double(count) / 1e6
    }

    private static func bucket(of value: UInt64) -> Int {
        if value < UInt64(steps) { return Int(value) }
        let shift = 63 - value.leadingZeroBitCount - 6
        return (shift + 1) * steps + Int(value >> UInt64(shift)) - steps
    }

    /// The middle of a bucket.
    private static func value(of bucket: Int) -> UInt64 {
        if bucket < steps { return UInt64(bucket) }
        let shift = UInt64(bucket / steps - 1)
        return (UInt64(bucket % steps + steps) << shift) + (1 << shift) / 2
    }
}
