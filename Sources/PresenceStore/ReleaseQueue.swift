// Rollcall · PresenceStore

import Presence

/// The ends of streams that Redis does not know yet: those that wait, and those that are being sent.
///
/// Pure. At ``maximum`` a further one is dropped; that presence leaves when its lease is over, as `expired`.
struct ReleaseQueue {
    struct Item {
        let topic: Topic
        var releasing: Releasing
    }

    /// The sessions of one key on one topic.
    struct Slot: Hashable {
        let topic: Topic
        let key: Key
    }

    private struct Batch {
        let slots: Set<Slot>
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    let maximum: Int
    private(set) var dropped = 0
    private var waiting: [Item] = []
    /// Of those that wait, the ones that a returning stream may take the session of.
    private var slots: Set<Slot> = []
    private var batches: [Int: Batch] = [:]
    private var serial = 0

    init(maximum: Int = 100_000) {
        self.maximum = maximum
    }

    var count: Int { waiting.count }

    /// Adds an end; returns false when it was dropped.
    @discardableResult
    mutating func add(_ item: Item) -> Bool {
        guard waiting.count < maximum else {
            dropped += 1
            return false
        }
        waiting.append(item)
        if item.releasing.isResumable { slots.insert(Slot(topic: item.topic, key: item.releasing.member.key)) }
        return true
    }

    /// Takes all that wait, as a batch that is being sent until ``end(_:)``; nil when none waits.
    mutating func begin() -> (batch: Int, items: [Item])? {
        guard !waiting.isEmpty else { return nil }
        defer {
            waiting = []
            slots = []
        }
        serial += 1
        batches[serial] = Batch(slots: slots)
        return (serial, waiting)
    }

    /// Ends a batch; returns what awaited it.
    mutating func end(_ batch: Int) -> [CheckedContinuation<Void, Never>] {
        batches.removeValue(forKey: batch)?.waiters ?? []
    }

    /// Whether an end that a returning stream may take the session of still waits.
    func isWaiting(_ slot: Slot) -> Bool { slots.contains(slot) }

    /// Has `waiter` returned by the end of a batch with this slot; false when there is none.
    mutating func add(_ waiter: CheckedContinuation<Void, Never>, for slot: Slot) -> Bool {
        guard let batch = batches.first(where: { $0.value.slots.contains(slot) })?.key else { return false }
        batches[batch]?.waiters.append(waiter)
        return true
    }
}
