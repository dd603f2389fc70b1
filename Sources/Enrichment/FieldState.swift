// Rollcall · Enrichment

import Presence

/// What the hook keeps of a rule under its lock: the pure state, and the waits and timers that stand for its numbers.
struct FieldState: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// What follows from a change, to be done outside the lock.
    struct Effects: Sendable {
        let actions: RuleState.Actions
        let ended: [FetchWait]
        /// A timer to start.
        let timer: Instant?
    }

    var rule: RuleState
    /// Whether the database has taken the rule.
    var isValidated: Bool
    /// One for each waiter of the rule's state.
    private var waits: [Int: FetchWait] = [:]
    /// Timers that run; a few, since none is started that is later than another.
    private var timers: [Instant] = []
    /// Whether queries are run no more.
    private var isShutDown = false

    init(rule: FetchRule, isValidated: Bool) {
        let breaker = isValidated ? FetchBreaker() : FetchBreaker(openBecause: "the database has not been asked yet")
        self.rule = RuleState(rule: rule, breaker: breaker)
        self.isValidated = isValidated
    }

    /// What can be said of all these keys at once; nil if something must be fetched first.
    mutating func known(_ keys: [Key], on topic: Topic, at now: Instant) -> [FetchedValue]? {
        var values: [FetchedValue] = []
        values.reserveCapacity(keys.count)
        for key in keys {
            guard let value = rule.known(rule.slot(of: key, on: topic), at: now) else { return nil }
            values.append(value)
        }
        return values
    }

    /// Has the keys fetched that are not known; gives what to await before all can be shown, nil if they can be now.
    mutating func fetch(
        _ keys: [Key], on topic: Topic, by deadline: Instant?, at now: Instant
    ) -> (wait: FetchWait?, tally: FetchTally) {
        var tally = FetchTally()
        let slots = keys.map { rule.slot(of: $0, on: topic) }
        guard let number = rule.fetch(slots, by: deadline, tally: &tally, at: now), !isShutDown else {
            return (nil, tally)
        }
        let wait = FetchWait()
        waits[number] = wait
        return (wait, tally)
    }

    /// What can be said of these keys, all that could be done being done.
    mutating func shown(_ keys: [Key], on topic: Topic, at now: Instant) -> [FetchedValue] {
        keys.map { rule.shown(rule.slot(of: $0, on: topic), at: now) }
    }

    /// What happens to be there for keys that leave.
    mutating func cached(_ keys: [Key], on topic: Topic) -> [FetchedValue?] {
        keys.map { rule.cached(rule.slot(of: $0, on: topic)) }
    }

    /// Refuses further waits and returns the open ones, which the caller must end.
    mutating func shutDown() -> [FetchWait] {
        isShutDown = true
        defer { waits = [:] }
        return Array(waits.values)
    }

    mutating func timerFired(_ time: Instant, at now: Instant) {
        timers.removeAll { $0 == time }
        rule.timeCame(at: now)
    }

    mutating func takeEffects(at now: Instant) -> Effects {
        let actions = rule.takeActions(at: now)
        let ended = actions.settled.compactMap { waits.removeValue(forKey: $0) }
        var timer: Instant?
        if let wake = actions.wake, timers.allSatisfy({ $0 > wake }) {
            timers.append(wake)
            timer = wake
        }
        return Effects(actions: actions, ended: ended, timer: timer)
    }
}
