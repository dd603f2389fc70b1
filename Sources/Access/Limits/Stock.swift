// Rollcall · Access

/// Counts what each owner has open now.
package struct Stock<Owner: Hashable & Sendable>: Sendable {
    /// Has only owners with something open, so what is open bounds it.
    private var counts: [Owner: Int] = [:]

    package init() {}

    package subscript(owner: Owner) -> Int { counts[owner] ?? 0 }

    package mutating func add(_ count: Int = 1, to owner: Owner) { counts[owner, default: 0] += count }

    package mutating func remove(_ count: Int = 1, from owner: Owner) {
        let left = self[owner] - count
        counts[owner] = left > 0 ? left : nil
    }
}

/// A limit that a caller has reached.
package struct ReachedLimit: Hashable, Sendable {
    /// Its name, such as `user_streams`.
    package let name: String
    /// The most that the caller may have; nil for a rate.
    package let maximum: Int?
    /// The name of the caller, for the log.
    package let caller: String

    package init(name: String, maximum: Int? = nil, caller: String) {
        self.name = name
        self.maximum = maximum
        self.caller = caller
    }
}
