// Rollcall · PresenceStore

import Presence

/// The ends of streams that Redis does not know yet: those that wait, and those that are being sent.
///
/// Pure. At ``maximum`` a further one is dropped; that presence leaves when its lease is over, as `expired`.
struct ReleaseQueue {
    struct Item {
        let topic: Topic
        var releasing: ReleaseItem
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
    /// How many wait.
    private(set) var count = 0
    /// Those with a session that no returning stream may take.
    private var waiting: [Item] = []
    /// Those with a session that a returning stream may take, of each slot in their order.
    private var resumable: [Slot: [Item]] = [:]
    private var batches: [Int: Batch] = [:]
    private var serial = 0

    init(maximum: Int = 100_000) {
        self.maximum = maximum
    }

    /// Adds an end; returns false when it was dropped.
    @discardableResult
    mutating func add(_ item: Item) -> Bool {
        guard count < maximum else {
            dropped += 1
            return false
        }
        count += 1
        if item.releasing.isResumable {
            resumable[Slot(topic: item.topic, key: item.releasing.member.key), default: []].append(item)
        } else {
            waiting.append(item)
        }
        return true
    }

    /// Takes all that wait, as a batch that is being sent until ``end(_:)``; nil when none waits.
    mutating func begin() -> (batch: Int, items: [Item])? {
        guard count > 0 else { return nil }
        defer {
            waiting = []
            resumable = [:]
            count = 0
        }
        return (begin(Set(resumable.keys)), waiting + resumable.values.joined())
    }

    /// As ``begin()``, with only those of one slot.
    mutating func begin(_ slot: Slot) -> (batch: Int, items: [Item])? {
        guard let items = resumable.removeValue(forKey: slot) else { return nil }
        count -= items.count
        return (begin([slot]), items)
    }

    private mutating func begin(_ slots: Set<Slot>) -> Int {
        serial += 1
        batches[serial] = Batch(slots: slots)
        return serial
    }

    /// Ends a batch; returns what awaited it.
    mutating func end(_ batch: Int) -> [CheckedContinuation<Void, Never>] {
        batches.removeValue(forKey: batch)?.waiters ?? []
    }

    /// All batches with this slot that are being sent.
    func batches(with slot: Slot) -> [Int] {
        batches.filter { $0.value.slots.contains(slot) }.map(\.key)
    }

    /// Has `waiter` returned by the end of that batch; false when it has ended.
    mutating func add(_ waiter: CheckedContinuation<Void, Never>, to batch: Int) -> Bool {
        guard batches[batch] != nil else { return false }
        batches[batch]?.waiters.append(waiter)
        return true
    }
}
