// Rollcall · Enrichment

import DequeModule
import Presence

/// Keys that one query asks for.
struct FetchBatch: Hashable, Sendable {
    /// Nil if the rule's query does not take the topic.
    let topic: Topic?
    /// At most ``FetchBatcher/maximumKeys``, each once.
    let keys: [Key]

    var cacheKeys: [CacheKey] { keys.map { CacheKey(key: $0, topic: topic) } }
}

/// Gathers keys into batches: pure, time passed in.
///
/// The first key after a pause goes at once. Keys that follow within the window go together: over all topics if the
/// query does not take the topic, else per topic. A full batch goes at once. Without room for another query batches
/// grow, so that a slow database gets fewer queries and not more.
struct FetchBatcher: Sendable {
    static let window = Duration.milliseconds(10)
    /// PostgreSQL gives some 200,000 rows a second up to here, and fewer beyond.
    static let maximumKeys = 500

    /// Keys of the open window, by topic; bounded, together with `ready`, by ``AskedKeys/maximum``.
    private var gathered: [Topic?: [Key]] = [:]
    /// The topics in the order of their first key.
    private var order: [Topic?] = []
    /// Batches that wait for room only.
    private var ready: Deque<FetchBatch> = []
    /// When the gathered keys may go; nil before the first.
    private var windowEnd: ContinuousClock.Instant?

    /// Keys that no batch has taken.
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

    /// Takes the batches that go now, at most `room`.
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

    /// When to take again, if that is not when there is room.
    func nextDue(after now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        guard !gathered.isEmpty, let windowEnd, windowEnd > now else { return nil }
        return windowEnd
    }
}
