// Rollcall · Enrichment

import Presence

/// What a rule has fetched, within bounds, in two generations.
///
/// Values come into the young one. When that holds half of what may be held it becomes the old one, and what was the old
/// one is dropped; a hit moves a value back to the young. So what was not wanted for a while goes, at no cost per hit
/// but a move, and never one by one.
struct FetchCache: Sendable {
    struct Limits: Hashable, Sendable {
        var count = 100_000
        var bytes = 64 << 20
    }

    private let limits: Limits
    private var young = CacheGeneration(number: 1)
    private var old = CacheGeneration(number: 0)
    private var dropped: [CacheGeneration] = []
    private var walk: Walk?

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Values held, or a few more: those that were moved count where they were too.
    var count: Int { young.count + old.count }

    /// An estimate of the memory held.
    var bytes: Int { young.bytes + old.bytes }

    /// Gives a value and counts as a hit.
    mutating func value(for slot: FetchSlot) -> FetchedValue? {
        if let value = young[slot] { return value }
        guard let value = old.remove(slot) else { return nil }
        set(value, for: slot)
        return value
    }

    mutating func set(_ value: FetchedValue, for slot: FetchSlot) {
        _ = old.remove(slot)
        young.set(value, for: slot)
        guard young.count >= limits.count / 2 || young.bytes >= limits.bytes / 2 else { return }
        dropped.append(old)
        old = young
        young = CacheGeneration(number: old.number + 1)
    }

    func slots(of key: Key) -> [FetchSlot] { young.slots(of: key) + old.slots(of: key) }

    /// Hands over the generations that were dropped.
    ///
    /// To free one takes a while: whoever holds a lock around the cache lets go of them after it.
    mutating func takeDropped() -> [CacheGeneration] {
        if dropped.isEmpty { return [] }
        defer { dropped = [] }
        return dropped
    }
}

// MARK: - Walking

extension FetchCache {
    private struct Walk {
        var generation: Int
        var position = 0
    }

    /// Whether a walk is under way.
    var isWalking: Bool { walk != nil }

    /// Begins a walk through everything, from the oldest value on, in place of one that is under way.
    ///
    /// What comes or moves in the meantime goes to the end, so the walk comes to all that is not dropped before.
    mutating func beginWalk() { walk = Walk(generation: old.number) }

    /// Walks on: gives up to `limit` slots whose value `isWanted`, having looked at no more than `looks`.
    mutating func walkOn(
        limit: Int, looks: Int = 2_000, where isWanted: (FetchedValue) -> Bool
    ) -> [FetchSlot] {
        var found: [FetchSlot] = []
        var looks = looks
        while looks > 0, found.count < limit, var step = walk {
            // A generation that was dropped needs no look.
            if step.generation < old.number { step = Walk(generation: old.number) }
            let generation = step.generation == old.number ? old : young
            let end = min(generation.count, step.position + looks)
            looks -= end - step.position
            while step.position < end, found.count < limit {
                let slot = generation.order[step.position]
                if let value = generation[slot], isWanted(value) { found.append(slot) }
                step.position += 1
            }
            walk = step
            guard step.position == generation.count else { continue }
            walk = generation.number == young.number ? nil : Walk(generation: young.number)
        }
        return found
    }
}
