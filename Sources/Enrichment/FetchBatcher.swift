// Rollcall · Enrichment

import DequeModule
import Presence

/// Gathers keys into batches, as a pure state machine: slots in, batches out, time passed in.
///
/// The first key after a pause goes at once. Those that follow within the window go together, over all topics where the
/// query does not ask for the topic, else together per topic. A batch that is full goes at once. Batches that may go but
/// find no room go on growing, so that a slow database is asked fewer questions and not more.
struct FetchBatcher: Sendable {
    static let window = Duration.milliseconds(10)
    /// PostgreSQL gives some 200,000 rows a second up to here, and fewer beyond.
    static let maximumKeys = 500

    /// Keys of the window that is open, by topic.
    ///
    /// Bounded, together with `ready`, by the slots that the owner lets wait.
    private var gathered: [Topic?: [Key]] = [:]
    /// The topics in the order of their first key.
    private var order: [Topic?] = []
    /// What may go as soon as there is room.
    private var ready: Deque<FetchBatch> = []
    /// When the keys gathered may go; nil before the first.
    private var windowEnd: ContinuousClock.Instant?

    /// Keys that no batch has taken.
    private(set) var count = 0

    /// Takes a slot that it does not hold yet.
    mutating func add(_ slot: FetchSlot) {
        count += 1
        if gathered[slot.topic] == nil { order.append(slot.topic) }
        gathered[slot.topic, default: []].append(slot.key)
        guard gathered[slot.topic]?.count == Self.maximumKeys else { return }
        ready.append(FetchBatch(topic: slot.topic, keys: gathered[slot.topic] ?? []))
        gathered[slot.topic] = []
    }

    /// Whether the window is over, so that what is added now need not wait.
    func isOpen(at now: ContinuousClock.Instant) -> Bool { windowEnd.map { now >= $0 } ?? true }

    /// Takes the batches that go now, at most `room`.
    mutating func take(at now: ContinuousClock.Instant, room: Int) -> [FetchBatch] {
        if ready.count < room, isOpen(at: now), !gathered.isEmpty {
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

    /// When to take again, if that is not when room comes.
    func nextDue(after now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        guard !gathered.isEmpty, let windowEnd, windowEnd > now else { return nil }
        return windowEnd
    }
}
