// Rollcall · Enrichment

import DequeModule

/// The waiters of one rule, each until all of its keys are settled or its deadline has passed; pure.
struct FetchWaiters: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// How many keys each waiter waits for.
    private var missing: [Int: Int] = [:]
    /// The deadlines in the order of time, also those of settled waiters.
    ///
    /// Each caller has a few, until its deadline at the latest.
    private var deadlines: Deque<(time: Instant, number: Int)> = []
    private var last = 0

    /// The number of the waiter that is added next.
    var next: Int { last + 1 }
    var firstDeadline: Instant? { deadlines.first?.time }

    /// Adds the waiter ``next``, which waits for `count` keys.
    mutating func add(_ count: Int, until deadline: Instant) {
        last += 1
        missing[last] = count
        // Deadlines come nearly in order, so the place is near the end.
        var place = deadlines.count
        while place > 0, deadlines[place - 1].time > deadline { place -= 1 }
        deadlines.insert((deadline, last), at: place)
    }

    /// Settles one key of a waiter; returns true if it was the last.
    mutating func settle(_ number: Int) -> Bool {
        guard let count = missing[number] else { return false }
        missing[number] = count > 1 ? count - 1 : nil
        return count == 1
    }

    /// Removes and returns the waiters that have reached their deadline.
    mutating func expire(at now: Instant) -> [Int] {
        var expired: [Int] = []
        while let (time, number) = deadlines.first, time <= now || missing[number] == nil {
            deadlines.removeFirst()
            if missing.removeValue(forKey: number) != nil { expired.append(number) }
        }
        return expired
    }
}
