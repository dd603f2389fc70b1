// Rollcall · Enrichment

import DequeModule
import PresenceModel

/// The keys of one query.
struct FetchBatch: Hashable, Sendable {
    /// Nil if the rule's query does not take the topic.
    let topic: Topic?
    /// At most ``FetchBatcher/maximumKeys``, each once.
    let keys: [Key]

    var cacheKeys: [CacheKey] { keys.map { CacheKey(key: $0, topic: topic) } }
}

/// Gathers keys into batches; pure, the caller passes the time.
///
/// The first key after a pause is a batch at once. The keys that follow within the window are one batch: over all
/// topics if the query does not take the topic, else one a topic. A full batch does not wait for the end of the
/// window. Without room for another query batches grow, so a slow database gets fewer queries.
struct FetchBatcher: Sendable {
    static let window = Duration.milliseconds(10)
    /// The keys of a full batch: PostgreSQL returns some 200,000 rows a second up to here, and fewer beyond.
    static let maximumKeys = 500

    /// The keys of the open window, by topic; ``AskedKeys/maximum`` bounds them together with those in `ready`.
    private var gathered: [Topic?: [Key]] = [:]
    /// The topics in the order of their first key.
    private var order: [Topic?] = []
    /// Batches that wait only for room.
    private var ready: Deque<FetchBatch> = []
    /// The end of the open window; nil before the first one.
    private var windowEnd: ContinuousClock.Instant?

    /// The number of keys that wait here.
    private(set) var count = 0

    /// Adds a key that is not here.
    mutating func add(_ cacheKey: CacheKey) {
        count += 1
        let topic = cacheKey.topic
        if gathered[topic] == nil { order.append(topic) }
        gathered[topic, default: []].append(cacheKey.key)
        guard let keys = gathered[topic], keys.count == Self.maximumKeys else { return }
        ready.append(FetchBatch(topic: topic, keys: keys))
        gathered[topic] = []
    }

    /// Takes the batches that are due, at most `room`.
    mutating func take(at now: ContinuousClock.Instant, room: Int) -> [FetchBatch] {
        if ready.count < room, !gathered.isEmpty, windowEnd.map({ now >= $0 }) ?? true {
            for topic in order {
                guard let keys = gathered[topic], !keys.isEmpty else { continue }
                ready.append(FetchBatch(topic: topic, keys: keys))
            }
            gathered.removeAll(keepingCapacity: gathered.count < 1024)
            order.removeAll(keepingCapacity: order.count < 1024)
            windowEnd = now + Self.window
        }
        let batches = Array(ready.prefix(max(0, room)))
        ready.removeFirst(batches.count)
        count -= batches.reduce(0) { $0 + $1.keys.count }
        return batches
    }

    /// The end of the window if keys wait for it; nil if batches wait only for room, or nothing waits.
    func nextDue(after now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        guard !gathered.isEmpty, let windowEnd, windowEnd > now else { return nil }
        return windowEnd
    }
}
