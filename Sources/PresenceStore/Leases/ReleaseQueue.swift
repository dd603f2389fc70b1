// Rollcall · PresenceStore

import PresenceModel

/// The releases that Redis has not executed yet: those that wait, and batches that are being sent.
///
/// A pure state machine. At ``maximum`` waiting ones it drops a further one; that presence leaves as `expired` at the
/// end of its lease.
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
    /// Whether one was dropped, and since then no batch has ended that left half of the queue free.
    private(set) var isOverflowing = false
    /// The number of waiting releases.
    private(set) var count = 0
    /// Releases of sessions that no stream may resume.
    private var waiting: [Item] = []
    /// Releases of sessions that a stream may resume, in their order within a slot.
    private var resumable: [Slot: [Item]] = [:]
    private var batches: [Int: Batch] = [:]
    private var serial = 0

    init(maximum: Int = 100_000) {
        self.maximum = maximum
    }

    /// Adds a release; returns false when it was dropped.
    @discardableResult
    mutating func add(_ item: Item) -> Bool {
        guard count < maximum else {
            dropped += 1
            isOverflowing = true
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

    /// Moves all waiting releases into a batch, which lasts until ``end(_:)``; nil when none waits.
    mutating func begin() -> (batch: Int, items: [Item])? {
        guard count > 0 else { return nil }
        defer {
            waiting = []
            resumable = [:]
            count = 0
        }
        return (begin(Set(resumable.keys)), waiting + resumable.values.joined())
    }

    /// As ``begin()``, with only the resumable ones of one slot.
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

    /// Ends a batch; returns its waiters.
    mutating func end(_ batch: Int) -> [CheckedContinuation<Void, Never>] {
        // A batch that failed is added again before it ends.
        if 2 * count <= maximum { isOverflowing = false }
        return batches.removeValue(forKey: batch)?.waiters ?? []
    }

    /// All batches with this slot that are being sent.
    func batches(with slot: Slot) -> [Int] {
        batches.filter { $0.value.slots.contains(slot) }.map(\.key)
    }

    /// Adds a waiter, which ``end(_:)`` of that batch returns; false when the batch has ended.
    mutating func add(_ waiter: CheckedContinuation<Void, Never>, to batch: Int) -> Bool {
        guard batches[batch] != nil else { return false }
        batches[batch]?.waiters.append(waiter)
        return true
    }
}
