// Rollcall · Access

/// What a rate leaves for a key.
package struct RateVerdict: Hashable, Sendable {
    /// Whether the key may use something now.
    package let isAllowed: Bool
    /// Whole units that are left.
    package let remaining: Int
    /// Whole seconds until all units are back; if the key may use nothing now, until it may.
    package let reset: Int
}

/// Counts what each key uses, and compares it with one rate.
///
/// A pure value: times are passed in, in seconds. For each key, a time before its latest one counts as the latest one.
/// Used units come back evenly, ``Rate/count`` of them in ``Rate/seconds``. A key with a unit left may use more than
/// are left, such as by a batch, and then waits until as many are back.
///
/// The table has a bound. There, keys that have all units back are forgotten, and of the others those that have used
/// least, until half of the table is free. So no flood of new keys makes the table forget a key that uses more than
/// they do.
package struct RateLimiter: Sendable {
    /// The units that a key had used at a time, without those that were back.
    private struct Use {
        var units: Double
        var time: Double
    }

    /// Absorbs the errors of floating-point sums.
    private static let tolerance = 1e-6

    private let rate: Rate
    private let maximumKeys: Int
    private var uses: [Int: Use] = [:]

    /// - Parameter maximumKeys: Keys that the table has at most.
    package init(_ rate: Rate, maximumKeys: Int) {
        self.rate = rate
        self.maximumKeys = maximumKeys
    }

    /// The number of keys in the table.
    var keyCount: Int { uses.count }

    /// Returns what is left for a key.
    ///
    /// - Parameter taken: Units that earlier steps of the same request have used, which do not count against it.
    package func verdict(for key: Int, at now: Double, taken: Int = 0) -> RateVerdict {
        let used = use(of: key, at: now).units
        let left = Double(rate.count) - used
        let missing = 1 - left - Double(taken)
        let isAllowed = missing <= Self.tolerance
        let units = isAllowed ? used : missing
        let wait = Int((units / rate.perSecond - Self.tolerance).rounded(.up))
        return RateVerdict(
            isAllowed: isAllowed, remaining: max(0, Int(left + Self.tolerance)), reset: max(isAllowed ? 0 : 1, wait))
    }

    /// Counts units that a key has used, also beyond those that are left.
    package mutating func add(_ units: Int, to key: Int, at now: Double) {
        guard units > 0 else { return }
        var use = use(of: key, at: now)
        use.units += Double(units)
        if uses[key] == nil, uses.count >= maximumKeys { makeRoom(at: now) }
        uses[key] = use
    }

    private func use(of key: Int, at now: Double) -> Use {
        guard let use = uses[key] else { return Use(units: 0, time: now) }
        return drained(use, at: now)
    }

    private func drained(_ use: Use, at now: Double) -> Use {
        let time = max(use.time, now)
        return Use(units: max(0, use.units - (time - use.time) * rate.perSecond), time: time)
    }

    private mutating func makeRoom(at now: Double) {
        let used = uses.map { (key: $0.key, use: drained($0.value, at: now)) }.filter { $0.use.units > 0 }
        let kept = used.sorted { $0.use.units > $1.use.units }.prefix(maximumKeys / 2)
        uses = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.use) })
    }
}
