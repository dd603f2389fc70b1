// Rollcall · Enrichment

import DequeModule

/// Keys that get a query of their own, because a query with them raised; pure, the caller passes the time.
///
/// If a batch raises, its keys are suspects: those that do not raise alone get their data, only later. Suspects go
/// before raisers, the keys that raised alone before, so a suspect waits for fewer than ``maximum`` others.
struct OneByOneQueue: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The queries that may run at once, and that may begin within one ``window``: 200 a second at most.
    static let width = 2
    static let window = Duration.milliseconds(10)
    /// The bound on waiting suspects, and that on waiting raisers: four batches; at the bound no key is added.
    static let maximum = 4 * FetchBatcher.maximumKeys

    private var suspects: Deque<CacheKey> = []
    private var raisers: Deque<CacheKey> = []
    /// The number of queries under way.
    private(set) var running = 0
    private var notBefore: Instant?

    /// The number of keys that wait.
    var count: Int { suspects.count + raisers.count }
    /// When to take keys again; nil if no key waits, or only the end of a query gives room.
    var nextDue: Instant? { count > 0 && running < Self.width ? notBefore : nil }

    /// Adds suspects; if there is no room for all of them, adds none and returns false.
    mutating func add(suspects keys: [CacheKey]) -> Bool {
        guard suspects.count + keys.count <= Self.maximum else { return false }
        suspects += keys
        return true
    }

    /// Adds a key that raised alone before; returns false if there is no room.
    mutating func add(raiser key: CacheKey) -> Bool {
        guard raisers.count < Self.maximum else { return false }
        raisers.append(key)
        return true
    }

    /// Takes the keys that are due, each for a query of its own; ``end()`` must follow for each.
    mutating func take(at now: Instant) -> [CacheKey] {
        guard running < Self.width, notBefore.map({ now >= $0 }) ?? true else { return [] }
        let keys = removeFirst(Self.width - running)
        running += keys.count
        if !keys.isEmpty { notBefore = now + Self.window }
        return keys
    }

    /// Ends the query of a key that was taken.
    mutating func end() { running -= 1 }

    /// Removes up to `limit` keys from the front.
    mutating func removeFirst(_ limit: Int) -> [CacheKey] {
        var keys: [CacheKey] = []
        while keys.count < limit, let key = suspects.popFirst() ?? raisers.popFirst() { keys.append(key) }
        return keys
    }
}
