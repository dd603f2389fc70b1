// Rollcall · Enrichment

import DequeModule
import Presence

/// Finds the keys whose data makes a query fail, so that they take no other key's data: a pure plan of what to ask.
///
/// All keys of a query that failed are suspects, and are asked for apart from all others, group by group. A group that
/// fails is halved until one key fails alone. The groups double with each that is answered and halve with each key that
/// is found, so that every second one is answered, about, whatever part of the keys raises: few cost a few queries each,
/// many cost little more than one.
struct SuspectSearch: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Ending: Hashable, Sendable {
        case answered
        case raised
        /// Nothing is known of the group.
        case failed
    }

    /// The least time from one query to the next: data may raise for ever, and each time costs a line of the server's log.
    static let pause = Duration.milliseconds(5)
    /// The suspects held; the owner takes no more, says so, and tries again later.
    static let maximum = 10_000

    private var suspects: Deque<FetchSlot> = []
    /// Keys that raised before, asked for when there is nobody else: they will raise again.
    private var raisers: Deque<FetchSlot> = []
    /// How many of the first suspects are known to fail together.
    private var failing = 0
    /// How many are asked for together of which nothing is known.
    private var size = FetchBatcher.maximumKeys
    private var notBefore: Instant?
    /// Whether a group is being asked for.
    private(set) var isAsking = false
    /// Whether nothing was known of that group.
    private var isFresh = false

    var count: Int { suspects.count + raisers.count }
    var isFull: Bool { count >= Self.maximum }

    /// Takes the keys of a query that failed.
    mutating func add(_ batch: FetchBatch) {
        if suspects.isEmpty, !isAsking { failing = batch.keys.count }
        suspects += batch.slots
    }

    /// Takes a key that raised before.
    mutating func add(_ slot: FetchSlot) { raisers.append(slot) }

    /// Gives the group to ask for now, of one topic, if it is time for one.
    mutating func next(at now: Instant) -> FetchBatch? {
        guard !isAsking, count > 0, notBefore.map({ now >= $0 }) ?? true else { return nil }
        isFresh = failing == 0
        let limit = isFresh ? size : max(1, failing / 2)
        let group = suspects.isEmpty ? Self.take(limit, from: &raisers) : Self.take(limit, from: &suspects)
        failing = max(0, failing - group.count)
        (isAsking, notBefore) = (true, now + Self.pause)
        return FetchBatch(topic: group[0].topic, keys: group.map(\.key))
    }

    /// The query for a group has ended.
    mutating func end(_ group: FetchBatch, _ ending: Ending) {
        isAsking = false
        switch ending {
        case .answered:
            if isFresh { size = min(2 * size, FetchBatcher.maximumKeys) }
        case .raised where group.keys.count > 1:
            suspects.prepend(contentsOf: group.slots)
            failing = group.keys.count
        case .raised:
            size = max(1, size / 2)
            failing = 0
        case .failed:
            failing = 0
        }
    }

    /// When to ask again, if that is not when a query has ended.
    var nextDue: Instant? { isAsking || count == 0 ? nil : notBefore }

    /// Takes some keys out, which are not to be asked for.
    mutating func giveUp() -> [FetchSlot] {
        failing = 0
        let limit = FetchBatcher.maximumKeys
        return suspects.isEmpty ? Self.take(limit, from: &raisers) : Self.take(limit, from: &suspects)
    }

    private static func take(_ limit: Int, from line: inout Deque<FetchSlot>) -> [FetchSlot] {
        let taken = Array(line.prefix(limit).prefix { $0.topic == line.first?.topic })
        line.removeFirst(taken.count)
        return taken
    }
}
