// Rollcall · Enrichment

import PresenceModel

/// The last answer for a cache key, or the reason why there is none.
struct FetchedValue: Hashable, Sendable {
    enum Failure: Sendable {
        /// The database did not answer; the rule queries the key again without a caller.
        case outage
        /// The query raised for this key, or its value cannot be shown. The rule queries the key again when a caller
        /// wants it after `freshUntil`.
        case data
    }

    /// Compact JSON of the last answer; nil for no row or NULL, and before the first answer.
    var json: [UInt8]?
    /// Nil after an answer that can be shown.
    var failure: Failure?
    /// Set for a key that gets a query of its own: its last pause after it raised, or zero for a suspect.
    var raisedPause: Duration?
    /// When the value becomes stale; for a key that raised, its retry time.
    var freshUntil: ContinuousClock.Instant
    /// The generation of the rule in which the value was stored.
    var generation: Int

    func isStale(at now: ContinuousClock.Instant) -> Bool { now >= freshUntil }
}

/// The values of one rule, bounded in bytes: at the bound the cache evicts the least recently used values.
///
/// Entries keep their positions in an array, and links order them from the oldest use to the newest. A look-up or a
/// store takes constant time, and a store also the time of the evictions that the new value needs.
struct FetchCache: Sendable {
    /// The bound on the values of one rule, in bytes.
    static let standardBytes = 64 << 20
    /// The estimated bytes of an entry beside its texts: its places in the array and the table, with spare capacity.
    static let overhead = 400

    private struct Entry: Sendable {
        let key: CacheKey
        var value: FetchedValue
        var older: Int?
        var newer: Int?
    }

    private let maximumBytes: Int
    private var positions = CacheKeyTable<Int>()
    /// Nil where an entry was evicted.
    private var entries: [Entry?] = []
    private var free: [Int] = []
    private var oldest: Int?
    private var newest: Int?
    /// An estimate of the memory held, in bytes.
    private(set) var bytes = 0

    init(maximumBytes: Int = FetchCache.standardBytes) {
        self.maximumBytes = maximumBytes
    }

    var count: Int { positions.count }
    /// All entries have positions below this one.
    var endPosition: Int { entries.count }

    /// Returns a value, and does not count as a use.
    subscript(key: CacheKey) -> FetchedValue? { positions[key].flatMap { entries[$0]?.value } }

    func cacheKeys(of key: Key) -> [CacheKey] { positions.cacheKeys(of: key) }

    /// Returns a value, and counts as its newest use.
    mutating func use(_ key: CacheKey) -> FetchedValue? {
        guard let position = positions[key] else { return nil }
        if position != newest {
            unlink(position)
            link(position)
        }
        return entries[position]?.value
    }

    /// Stores a value, and evicts others if there is no room for it.
    ///
    /// This counts as a use only if the key is new, or if its value grows: the growth must evict others.
    mutating func set(_ value: FetchedValue, for key: CacheKey) {
        if let position = positions[key] {
            let growth = (value.json?.count ?? 0) - (entries[position]?.value.json?.count ?? 0)
            bytes += growth
            entries[position]?.value = value
            if growth > 0, position != newest {
                unlink(position)
                link(position)
            }
        } else {
            let entry = Entry(key: key, value: value)
            bytes += Self.cost(of: entry)
            let position = free.popLast() ?? entries.count
            if position == entries.count { entries.append(entry) } else { entries[position] = entry }
            positions[key] = position
            link(position)
        }
        while bytes > maximumBytes, let oldest, oldest != newest { evict(oldest) }
    }

    /// Returns up to `limit` keys with a wanted value, and moves the position behind the last entry that it read.
    ///
    /// Reads up to `looks` entries. A walk of several calls may miss an entry that is added during the walk: it may
    /// stand at a free position that the walk has passed.
    func cacheKeys(
        from position: inout Int, limit: Int, looks: Int = 2_000, where isWanted: (FetchedValue) -> Bool
    ) -> [CacheKey] {
        var found: [CacheKey] = []
        let end = min(entries.count, position + looks)
        while position < end, found.count < limit {
            if let entry = entries[position], isWanted(entry.value) { found.append(entry.key) }
            position += 1
        }
        return found
    }

    private mutating func evict(_ position: Int) {
        guard let entry = entries[position] else { return }
        unlink(position)
        bytes -= Self.cost(of: entry)
        positions[entry.key] = nil
        entries[position] = nil
        free.append(position)
    }

    private mutating func link(_ position: Int) {
        entries[position]?.older = newest
        entries[position]?.newer = nil
        if let newest { entries[newest]?.newer = position } else { oldest = position }
        newest = position
    }

    private mutating func unlink(_ position: Int) {
        guard let entry = entries[position] else { return }
        if let older = entry.older { entries[older]?.newer = entry.newer } else { oldest = entry.newer }
        if let newer = entry.newer { entries[newer]?.older = entry.older } else { newest = entry.older }
    }

    private static func cost(of entry: Entry) -> Int {
        overhead + entry.key.key.text.utf8.count + (entry.key.topic?.text.utf8.count ?? 0)
            + (entry.value.json?.count ?? 0)
    }
}
