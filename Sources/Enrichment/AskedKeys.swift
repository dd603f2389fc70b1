// Rollcall · Enrichment

import Presence

/// The keys that a rule asks the database for: those that wait for a query, and those of queries under way.
///
/// Pure. A key is here once, from when it is first wanted until its query has ended.
struct AskedKeys: Sendable {
    typealias Instant = ContinuousClock.Instant
    typealias Query = RuleState.Query

    struct Asked: Sendable {
        /// The last query that had begun when the data of the key changed: its answer may be too old.
        var dirtySince = 0
        /// The numbers of the waiters.
        var waiters: [Int] = []
    }

    enum Ending: Hashable, Sendable {
        case answered
        case raised
        case failed
    }

    /// Batches at once, so that one rule leaves connections to the others; ``OneByOneQueue/width`` comes on top.
    static let width = 4
    /// The keys that may be here.
    ///
    /// Beyond it the rule marks keys as failed and asks again a second later.
    static let maximum = 50_000

    private var table = CacheKeyTable<Asked>()
    private var batcher = FetchBatcher()
    private var oneByOne = OneByOneQueue()
    private var underway: [Int: Query] = [:]
    private var lastQuery = 0
    /// Set while the last batch that ended had raised: then one batch at a time begins, not before this time.
    private var nextBatchAt: Instant?

    /// Keys that wait for a batch.
    var waiting: Int { batcher.count }
    /// Keys that wait for a query of their own.
    var waitingAlone: Int { oneByOne.count }
    private var batches: Int { underway.count - oneByOne.running }

    /// The batches that may begin now.
    func room(at now: Instant) -> Int {
        guard let nextBatchAt else { return Self.width - batches }
        return batches == 0 && now >= nextBatchAt ? 1 : 0
    }

    func contains(_ key: CacheKey) -> Bool { table[key] != nil }

    func cacheKeys(of key: Key) -> [CacheKey] { table.cacheKeys(of: key) }

    /// Adds a key that is not here, to be asked for alone if it is a suspect or has raised; false if there is no room.
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

    /// Lets the keys of a batch that raised wait for queries of their own; false if there is no room.
    mutating func askOneByOne(_ batch: FetchBatch) -> Bool { oneByOne.add(suspects: batch.cacheKeys) }

    mutating func addWaiter(_ number: Int, for key: CacheKey) { table[key]?.waiters.append(number) }

    /// Notes that the data of a key changed; false if the key is not here.
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

    /// Removes some of the keys that wait; they remain asked for until ``remove(_:)``.
    mutating func giveUp(at now: Instant) -> (keys: [CacheKey], suspects: [CacheKey]) {
        (
            batcher.take(at: now, room: Self.width).flatMap(\.cacheKeys),
            oneByOne.removeFirst(FetchBatcher.maximumKeys)
        )
    }

    /// Begins a query for one key, out of turn; nil if the key is here already.
    mutating func probe(_ key: CacheKey, generation: Int) -> Query? {
        guard table[key] == nil else { return nil }
        table[key] = Asked()
        return begin(FetchBatch(topic: key.topic, keys: [key.key]), generation: generation)
    }

    /// Ends a query; its keys are still to be removed; nil if there is no such query.
    mutating func end(_ number: Int, _ ending: Ending, at now: Instant) -> Query? {
        guard let query = underway.removeValue(forKey: number) else { return nil }
        if query.isAlone {
            oneByOne.end()
        } else if ending != .failed {
            nextBatchAt = ending == .raised ? now + FetchBatcher.window : nil
        }
        return query
    }

    /// When to take again, if that is not at the end of a query.
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
