// Rollcall · Enrichment

import Presence

/// What a rule asks the database for: slots that wait for a query, and those whose query is under way.
///
/// Pure. A slot is here once, from when it is first wanted until its query has ended, whoever else wants it meanwhile.
struct AskedSlots: Sendable {
    typealias Instant = ContinuousClock.Instant

    struct Asked: Sendable {
        /// The last query that had begun when the slot's data changed: that, and those before it, may have come too early.
        var dirtySince = 0
        /// The numbers of those who wait.
        var waiters: [Int] = []
    }

    /// Queries of a rule at one time, so that one rule leaves connections to the others; one for suspects comes on top.
    static let width = 4
    /// The slots that are taken; the owner asks for no more, says so, and tries again later.
    static let maximum = 50_000

    private var table = SlotTable<Asked>()
    private var batcher = FetchBatcher()
    private var search = SuspectSearch()
    private var underway: [Int: RuleState.Query] = [:]
    private var lastQuery = 0

    /// Whether as many queries are under way as may be.
    var isBusy: Bool { room <= 0 }
    /// Slots that no query has taken, without suspects.
    var waiting: Int { batcher.count }
    /// Slots that are asked for apart and that no query has taken.
    var suspects: Int { search.count }
    private var room: Int { Self.width - underway.count + (search.isAsking ? 1 : 0) }

    func contains(_ slot: FetchSlot) -> Bool { table[slot] != nil }

    func slots(of key: Key) -> [FetchSlot] { table.slots(of: key) }

    /// Takes a slot that is not here, for the next query; one that is suspect, for one of its own.
    ///
    /// False if it cannot be taken now.
    mutating func add(_ slot: FetchSlot, isSuspect: Bool) -> Bool {
        guard table.count < Self.maximum, !(isSuspect && search.isFull) else { return false }
        table[slot] = Asked()
        if isSuspect { search.add(slot) } else { batcher.add(slot) }
        return true
    }

    /// Has the slots of a query that has ended asked for apart; false if they cannot be now.
    mutating func suspect(_ query: RuleState.Query) -> Bool {
        // A group is looked through further by itself.
        if query.isSearch { return true }
        guard !search.isFull else { return false }
        search.add(query.batch)
        return true
    }

    mutating func addWaiter(_ number: Int, for slot: FetchSlot) { table[slot]?.waiters.append(number) }

    /// Notes that the data of a slot changed; false if the slot is not here.
    mutating func markDirty(_ slot: FetchSlot) -> Bool {
        guard table[slot] != nil else { return false }
        table[slot]?.dirtySince = lastQuery
        return true
    }

    mutating func remove(_ slot: FetchSlot) -> Asked? {
        guard let asked = table[slot] else { return nil }
        table[slot] = nil
        return asked
    }
}

// MARK: - Queries

extension AskedSlots {
    /// Begins the queries that are due and have room.
    mutating func takeQueries(at now: Instant, round: Int) -> [RuleState.Query] {
        let group = search.next(at: now).map { begin($0, round: round, isSearch: true) }
        return batcher.take(at: now, room: room).map { begin($0, round: round) } + (group.map { [$0] } ?? [])
    }

    /// Takes some slots that are to be given up.
    mutating func giveUp(at now: Instant) -> (slots: [FetchSlot], suspects: [FetchSlot]) {
        (batcher.take(at: now, room: Self.width).flatMap(\.slots), search.giveUp())
    }

    /// Begins a query for one slot, out of turn; nil if the slot is here already.
    mutating func probe(_ slot: FetchSlot, round: Int) -> RuleState.Query? {
        guard table[slot] == nil else { return nil }
        table[slot] = Asked()
        return begin(FetchBatch(topic: slot.topic, keys: [slot.key]), round: round)
    }

    /// Ends a query, whose slots are still to be removed.
    mutating func end(_ number: Int, _ ending: SuspectSearch.Ending) -> RuleState.Query? {
        guard let query = underway.removeValue(forKey: number) else { return nil }
        if query.isSearch { search.end(query.batch, ending) }
        return query
    }

    /// When to take again, if that is not when a query has ended.
    func nextDue(after now: Instant) -> Instant? {
        [batcher.nextDue(after: now), search.nextDue].compactMap { $0 }.min()
    }

    private mutating func begin(_ batch: FetchBatch, round: Int, isSearch: Bool = false) -> RuleState.Query {
        lastQuery += 1
        let query = RuleState.Query(number: lastQuery, batch: batch, round: round, isSearch: isSearch)
        underway[lastQuery] = query
        return query
    }
}
