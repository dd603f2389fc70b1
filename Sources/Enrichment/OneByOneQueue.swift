// Rollcall · Enrichment

import DequeModule

/// Keys that are asked for alone, because a query with them raised: pure, time passed in.
///
/// The key that raised costs the other keys of its batch a delay, and not their data. New suspects go before keys that
/// have raised alone before, because only suspects may be innocent: a suspect waits for less than ``maximum`` others.
struct OneByOneQueue: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// Queries at once, and queries that begin within one ``window``: 200 a second at most.
    static let width = 2
    static let window = Duration.milliseconds(10)
    /// The suspects that may wait, and the keys that raised before that may wait: four batches.
    static let maximum = 4 * FetchBatcher.maximumKeys

    private var suspects: Deque<CacheKey> = []
    private var raisers: Deque<CacheKey> = []
    /// Queries under way.
    private(set) var running = 0
    private var notBefore: Instant?

    /// Keys that wait.
    var count: Int { suspects.count + raisers.count }
    /// When to take again, if that is not at the end of a query.
    var nextDue: Instant? { count > 0 && running < Self.width ? notBefore : nil }

    /// Adds suspects; false, without a change, if there is no room for all of them.
    mutating func add(suspects keys: [CacheKey]) -> Bool {
        guard suspects.count + keys.count <= Self.maximum else { return false }
        suspects += keys
        return true
    }

    /// Adds a key that has raised alone before; false if there is no room.
    mutating func add(raiser key: CacheKey) -> Bool {
        guard raisers.count < Self.maximum else { return false }
        raisers.append(key)
        return true
    }

    /// Takes the keys to ask for now, each in a query of its own; ``end()`` must follow each.
    mutating func take(at now: Instant) -> [CacheKey] {
        guard running < Self.width, notBefore.map({ now >= $0 }) ?? true else { return [] }
        let keys = removeFirst(Self.width - running)
        running += keys.count
        if !keys.isEmpty { notBefore = now + Self.window }
        return keys
    }

    /// A query for a key that was taken has ended.
    mutating func end() { running -= 1 }

    /// Removes up to `limit` keys from the front.
    mutating func removeFirst(_ limit: Int) -> [CacheKey] {
        var keys: [CacheKey] = []
        while keys.count < limit, let key = suspects.popFirst() ?? raisers.popFirst() { keys.append(key) }
        return keys
    }
}
