// Rollcall · Basics

/// Points in time, each with an id, in buckets of one second.
///
/// To set and to remove one costs the same for any number of ids. To take those that are due looks once at each bucket.
package struct Deadlines<ID: Hashable & Sendable>: Sendable {
    private var buckets: [Int: Set<ID>] = [:]
    private var bucketOf: [ID: Int] = [:]

    package init() {}

    /// Sets the time of an id in seconds, in place of an earlier one; it is due at the next whole second.
    package mutating func set(_ id: ID, at time: Double) {
        remove(id)
        // A Double beyond ±2^62 has no place among the buckets, and is as good as never or always.
        let second = Int(min(max(time.rounded(.up), -0x1p62), 0x1p62))
        buckets[second, default: []].insert(id)
        bucketOf[id] = second
    }

    /// Forgets an id.
    package mutating func remove(_ id: ID) {
        guard let second = bucketOf.removeValue(forKey: id) else { return }
        buckets[second]?.remove(id)
        if buckets[second]?.isEmpty == true { buckets[second] = nil }
    }

    /// Removes and returns the ids that are due, the earliest first.
    package mutating func take(at now: Double) -> [ID] {
        let due = buckets.keys.filter { Double($0) <= now }.sorted().flatMap { buckets[$0] ?? [] }
        for id in due { remove(id) }
        return due
    }
}
