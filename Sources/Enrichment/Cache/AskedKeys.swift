// Rollcall · Enrichment

import PresenceModel

/// The keys of a rule that wait for a query, and the keys of its queries under way.
///
/// Pure. A key is here once, from the first request for it until it has an outcome.
struct AskedKeys: Sendable {
    typealias Instant = ContinuousClock.Instant
    typealias Query = RuleState.Query

    struct Asked: Sendable {
        /// The number of the last query that had begun when the data of the key changed; 0 without a change.
        ///
        /// The answer of that query may be older than the change.
        var dirtySince = 0
        /// The numbers of the waiters for the key.
        var waiters: [Int] = []
    }

    /// How a query ended; `raised` if the data of a key made it fail.
    enum Ending: Hashable, Sendable {
        case answered
        case raised
        case failed
    }

    /// The batches that may run at once: more would take the connections of other rules.
    ///
    /// Queries for one key alone have a bound of their own, ``OneByOneQueue/width``.
    static let width = 4
    /// The bound on the keys.
    ///
    /// The rule marks each further key as failed, and tries it again a second later.
    static let maximum = 50_000

    private var table = CacheKeyTable<Asked>()
    private var batcher = FetchBatcher()
    private var oneByOne = OneByOneQueue()
    private var underway: [Int: Query] = [:]
    private var lastQuery = 0
    /// Set from a batch that raised until a batch is answered: batches run one at a time, none begins before this time.
    private var nextBatchAt: Instant?

    /// The number of keys that wait for a batch.
    var waiting: Int { batcher.count }
    /// The number of keys that wait for a query of their own.
    var waitingAlone: Int { oneByOne.count }
    private var batches: Int { underway.count - oneByOne.running }

    /// The number of batches that may begin now.
    func room(at now: Instant) -> Int {
        guard let nextBatchAt else { return Self.width - batches }
        return batches == 0 && now >= nextBatchAt ? 1 : 0
    }

    func contains(_ key: CacheKey) -> Bool { table[key] != nil }

    func cacheKeys(of key: Key) -> [CacheKey] { table.cacheKeys(of: key) }

    /// Adds a key that is not here; returns false if there is no room.
    ///
    /// With a `raisedPause` the key gets a query of its own: as a suspect if the pause is zero, else as a raiser.
    mutating func add(_ key: CacheKey, raisedPause: Duration?) -> Bool {
        guard table.count < Self.maximum else { return false }
        switch raisedPause {
        case nil: batcher.add(key)
        case .zero?: guard oneByOne.add(suspects: [key]) else { return false }
        case _?: guard oneByOne.add(raiser: key) else { return false }
        }
        table[key] = Asked()
        return true
    }

    /// Queues the keys of a batch that raised for queries of their own; returns false if there is no room.
    mutating func askOneByOne(_ batch: FetchBatch) -> Bool { oneByOne.add(suspects: batch.cacheKeys) }

    mutating func addWaiter(_ number: Int, for key: CacheKey) { table[key]?.waiters.append(number) }

    /// Records that the data of a key changed; returns false if the key is not here.
    mutating func markDirty(_ key: CacheKey) -> Bool {
        guard table[key] != nil else { return false }
        table[key]?.dirtySince = lastQuery
        return true
    }

    mutating func remove(_ key: CacheKey) -> Asked? {
        defer { table[key] = nil }
        return table[key]
    }
}

// MARK: - Queries

extension AskedKeys {
    /// Begins the queries that are due and have room.
    mutating func takeQueries(at now: Instant, generation: Int) -> [Query] {
        let batches = batcher.take(at: now, room: room(at: now)).map { begin($0, generation: generation) }
        let alone = oneByOne.take(at: now).map {
            begin(FetchBatch(topic: $0.topic, keys: [$0.key]), generation: generation, isAlone: true)
        }
        return batches + alone
    }

    /// Takes up to ``width`` batches and 500 single keys out of their queues.
    ///
    /// The keys stay in the table until ``remove(_:)``.
    mutating func giveUp(at now: Instant) -> (keys: [CacheKey], suspects: [CacheKey]) {
        (
            batcher.take(at: now, room: Self.width).flatMap(\.cacheKeys),
            oneByOne.removeFirst(FetchBatcher.maximumKeys)
        )
    }

    /// Begins a query for one key ahead of the queues; returns nil if the key is already here.
    mutating func probe(_ key: CacheKey, generation: Int) -> Query? {
        guard table[key] == nil else { return nil }
        table[key] = Asked()
        return begin(FetchBatch(topic: key.topic, keys: [key.key]), generation: generation)
    }

    /// Ends a query; returns nil if there is no such query.
    ///
    /// The caller then removes the keys of the query, or queues them again.
    mutating func end(_ number: Int, _ ending: Ending, at now: Instant) -> Query? {
        guard let query = underway.removeValue(forKey: number) else { return nil }
        if query.isAlone {
            oneByOne.end()
        } else if ending != .failed {
            nextBatchAt = ending == .raised ? now + FetchBatcher.window : nil
        }
        return query
    }

    /// When to take queries again, unless a query ends before; nil if only the end of a query gives room.
    func nextDue(after now: Instant) -> Instant? {
        var times = [batcher.nextDue(after: now), oneByOne.nextDue]
        if waiting > 0, batches == 0, let nextBatchAt, nextBatchAt > now { times.append(nextBatchAt) }
        return times.compactMap { $0 }.min()
    }

    private mutating func begin(_ batch: FetchBatch, generation: Int, isAlone: Bool = false) -> Query {
        lastQuery += 1
        let query = Query(number: lastQuery, batch: batch, generation: generation, isAlone: isAlone)
        underway[lastQuery] = query
        return query
    }
}
