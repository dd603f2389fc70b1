// Rollcall · Enrichment

import PresenceModel
import Synchronization

/// One rule: its state under a lock of its own, and its metrics.
final class LockedRule: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A caller of ``FetchHook/fetch(_:leaving:on:by:)``.
    struct Caller: Sendable {
        /// Nil until the caller has suspended.
        var continuation: CheckedContinuation<Void, Never>?
    }

    struct State: Sendable {
        var rule: RuleState
        /// Whether the database has accepted the rule.
        var isValidated: Bool
        /// The callers by the number of their waiter, each until the waiter is settled.
        private var callers: [Int: Caller] = [:]
        /// The times of the running timers: few, because a timer starts only if it is earlier than all others.
        private var timers: [Instant] = []
        private var isShutDown = false
    }

    let rule: FetchRule
    let metrics: FetchMetrics
    let state: Mutex<State>

    init(rule: FetchRule, isValidated: Bool) {
        self.rule = rule
        metrics = FetchMetrics(field: rule.field)
        state = Mutex(State(rule: rule, isValidated: isValidated))
    }

    func cacheKeys(of keys: [Key], on topic: Topic) -> [CacheKey] {
        keys.map { CacheKey(key: $0, topic: rule.takesTopic ? topic : nil) }
    }
}

extension LockedRule.State {
    init(rule: FetchRule, isValidated: Bool) {
        let breaker = isValidated ? FetchBreaker() : FetchBreaker(openBecause: "the rule is not validated yet")
        self.rule = RuleState(rule: rule, breaker: breaker)
        self.isValidated = isValidated
    }

    /// Queues the keys that are not known; returns the number of the waiter, nil if there is nothing to wait for.
    mutating func fetch(
        _ keys: ArraySlice<CacheKey>, by deadline: LockedRule.Instant?, at now: LockedRule.Instant
    ) -> (waiter: Int?, tally: FetchTally) {
        var tally = FetchTally()
        guard let waiter = rule.fetch(keys, by: deadline, tally: &tally, at: now), !isShutDown else {
            return (nil, tally)
        }
        callers[waiter] = LockedRule.Caller()
        return (waiter, tally)
    }

    /// Stores the continuation of a caller; returns false if its wait is already over.
    mutating func suspend(_ continuation: CheckedContinuation<Void, Never>, for waiter: Int) -> Bool {
        guard callers[waiter] != nil else { return false }
        callers[waiter]?.continuation = continuation
        return true
    }

    /// Removes and returns a caller that is cancelled.
    mutating func cancel(_ waiter: Int) -> LockedRule.Caller? { callers.removeValue(forKey: waiter) }

    /// Refuses further waits; returns all callers, which must be resumed.
    mutating func shutDown() -> [LockedRule.Caller] {
        isShutDown = true
        defer { callers = [:] }
        return Array(callers.values)
    }

    mutating func timerFired(_ time: LockedRule.Instant, at now: LockedRule.Instant) {
        timers.removeAll { $0 == time }
        rule.advance(to: now)
    }

    /// Returns the effects of a change, for use without the lock: actions, callers to resume, the time of a timer to
    /// start.
    mutating func takeEffects(
        at now: LockedRule.Instant
    ) -> (actions: RuleState.Actions, settled: [LockedRule.Caller], timer: LockedRule.Instant?) {
        let actions = rule.takeActions(at: now)
        let settled = actions.settled.compactMap { callers.removeValue(forKey: $0) }
        guard let wake = actions.wake, timers.allSatisfy({ $0 > wake }) else { return (actions, settled, nil) }
        timers.append(wake)
        return (actions, settled, wake)
    }
}
