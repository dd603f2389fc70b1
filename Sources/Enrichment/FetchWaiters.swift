// Rollcall · Enrichment

import DequeModule

/// Those who wait for slots of one rule, each until all of its slots are settled or its time is over.
struct FetchWaiters: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct Waiter: Sendable {
        let number: Int
        let deadline: Instant
        let slots: [FetchSlot]
    }

    /// In the order of deadlines, which is nearly that of coming.
    ///
    /// Bounded by the callers, each of which has one until its deadline at the latest.
    private var waiters: Deque<Waiter> = []
    /// How many slots each still waits for; those who need wait no more have no count.
    private var missing: [Int: Int] = [:]
    private var last = 0

    /// The number that the next one will have.
    var next: Int { last + 1 }

    /// When the first of them gives up.
    var firstDeadline: Instant? { waiters.first?.deadline }

    /// Takes a waiter under the number that was ``next``.
    mutating func add(_ slots: [FetchSlot], until deadline: Instant) {
        last += 1
        missing[last] = slots.count
        waiters.insert(Waiter(number: last, deadline: deadline, slots: slots), at: place(of: deadline))
    }

    /// The first place behind all that end no later.
    private func place(of deadline: Instant) -> Int {
        var (low, high) = (0, waiters.count)
        while low < high {
            let middle = (low + high) / 2
            if waiters[middle].deadline <= deadline { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// One slot of a waiter is settled; true if it was the last.
    mutating func settle(_ number: Int) -> Bool {
        guard let count = missing[number] else { return false }
        missing[number] = count > 1 ? count - 1 : nil
        return count == 1
    }

    /// Takes out the first waiter whose time is over.
    mutating func expire(at now: Instant) -> (number: Int, slots: [FetchSlot])? {
        while let waiter = waiters.first {
            let isWaiting = missing[waiter.number] != nil
            if isWaiting, waiter.deadline > now { return nil }
            waiters.removeFirst()
            guard isWaiting else { continue }
            missing[waiter.number] = nil
            return (waiter.number, waiter.slots)
        }
        return nil
    }
}
