// Rollcall · Enrichment

import Presence

/// The pure state of one rule: what is known, what is asked for, who waits, and whether the database is asked at all.
///
/// Time is passed in. Events change the state; ``takeActions(at:)`` after one or several of them says what to do. A slot
/// is asked for by one query at a time, whoever wants it, and not again before its answer is stale.
struct RuleState: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A slot that is asked for, or will be.
    private struct Pending: Sendable {
        /// Whether its data changed while the query was under way, which may have seen it before that.
        var isDirty = false
        var waiters: [Int] = []
    }

    /// Queries of a rule at one time, so that one rule leaves connections to the others.
    static let width = 4
    /// Slots that may be asked for or wait to be; of those beyond it is said at once that they could not be had, and they
    /// are tried again later.
    static let maximumPending = 50_000
    /// The pause before the hook itself asks again for what could not be had.
    static let retryPause = Duration.seconds(1)
    /// How long a key is left alone whose data made the query fail.
    static let poisonPause = Duration.seconds(5)

    let rule: FetchRule
    private var cache: FetchCache
    private var breaker: FetchBreaker
    private var batcher = FetchBatcher()
    private var pending = SlotTable<Pending>()
    private var underway: [Int: (query: Query, round: Int)] = [:]
    private var lastQuery = 0

    private var waiters = FetchWaiters()
    /// How many revalidations have begun.
    private var round = 0
    private var retryAt: Instant?
    private var walkOnAt: Instant?
    private var actions = Actions()

    init(
        rule: FetchRule, breaker: FetchBreaker = FetchBreaker(), cacheLimits: FetchCache.Limits = FetchCache.Limits()
    ) {
        self.rule = rule
        self.breaker = breaker
        cache = FetchCache(limits: cacheLimits)
    }

    /// Why nothing is asked for; nil if all is well.
    var fault: String? { breaker.fault }

    func slot(of key: Key, on topic: Topic) -> FetchSlot {
        FetchSlot(key: key, topic: rule.takesTopic ? topic : nil)
    }
}

// MARK: - What is wanted

extension RuleState {
    /// What the cache has, for an entry that goes away.
    mutating func cached(_ slot: FetchSlot) -> FetchedValue? { cache.value(for: slot) }

    /// What can be said of a slot at once; nil if that must be fetched first.
    ///
    /// A stale value is given and asked for anew.
    mutating func known(_ slot: FetchSlot, at now: Instant) -> FetchedValue? {
        let value = cache.value(for: slot)
        if let value, !value.isStale(at: now), value.round == round { return value }
        if breaker.isOpen { return owe(slot, at: now) }
        if value != nil { _ = ask(slot, at: now) }
        return value
    }

    /// Asks for what is not known; gives the number of a waiter, unless there is nothing to wait for.
    mutating func fetch(_ slots: some Sequence<FetchSlot>, tally: inout FetchTally, at now: Instant) -> Int? {
        let number = waiters.next
        var missing: [FetchSlot] = []
        for slot in slots {
            let value = known(slot, at: now)
            tally.add(value, at: now)
            guard value == nil, ask(slot, at: now) else { continue }
            pending[slot]?.waiters.append(number)
            missing.append(slot)
        }
        guard !missing.isEmpty else { return nil }
        waiters.add(missing, until: now + FetchBatcher.window + rule.timeout)
        return number
    }

    /// What can be said of a slot after waiting.
    mutating func shown(_ slot: FetchSlot, at now: Instant) -> FetchedValue {
        cache.value(for: slot) ?? owe(slot, at: now)
    }

    /// The data of these keys changed at its source.
    ///
    /// What is known is fetched anew and told if it differs. What is not known is told at once, for it may have been shown
    /// before it was dropped.
    mutating func invalidate(_ keys: some Sequence<Key>, at now: Instant) {
        for key in keys {
            let slots =
                rule.takesTopic
                ? Set(cache.slots(of: key)).union(pending.slots(of: key)) : [FetchSlot(key: key, topic: nil)]
            var isHeld = false
            for slot in slots {
                if pending[slot] != nil {
                    pending[slot]?.isDirty = true
                } else if var value = cache.value(for: slot) {
                    value.freshUntil = now
                    cache.set(value, for: slot)
                    _ = ask(slot, at: now)
                } else {
                    continue
                }
                isHeld = true
            }
            if !isHeld { actions.changed.insert(key) }
        }
    }

    /// Any data may have changed: everything known is fetched anew, little by little.
    mutating func revalidate() {
        round += 1
        cache.beginWalk()
    }

    /// Sees to it that a slot is asked for; false, and a failure noted, if it cannot be.
    private mutating func ask(_ slot: FetchSlot, at now: Instant) -> Bool {
        if pending[slot] != nil { return true }
        guard !breaker.isOpen, pending.count < Self.maximumPending else {
            owe(slot, at: now)
            return false
        }
        pending[slot] = Pending()
        batcher.add(slot)
        return true
    }

    /// Notes that a slot could not be had: what is known stays, marked, and the hook asks again by itself.
    @discardableResult
    private mutating func owe(_ slot: FetchSlot, at now: Instant) -> FetchedValue {
        let value = FetchedValue(
            json: cache.value(for: slot)?.json, failure: .outage, freshUntil: now + Self.retryPause, round: round)
        cache.set(value, for: slot)
        if retryAt == nil { retryAt = now + Self.retryPause }
        return value
    }
}

// MARK: - What the database says

extension RuleState {
    /// Gives a query of one key while nothing else is asked for, to find out whether the database answers again.
    mutating func probe() -> Query? {
        guard breaker.isOpen else { return nil }
        guard let slot = breaker.nextProbe() else {
            // No key has failed yet: that the database took the rule must do.
            succeeded()
            return nil
        }
        guard pending[slot] == nil else { return nil }
        pending[slot] = Pending()
        return begin(FetchBatch(topic: slot.topic, keys: [slot.key]))
    }

    /// A query has ended.
    mutating func finish(_ number: Int, _ outcome: FetchOutcome, at now: Instant) {
        guard let (query, round) = underway.removeValue(forKey: number) else { return }
        let slots = query.batch.slots
        if let failure = outcome.failure {
            let unanswered = slots.filter { outcome.answers[$0.key] == nil }
            failed(failure.reason, isDataFault: failure.isDataFault, slots: unanswered, at: now)
        } else {
            succeeded(withDataFault: outcome.isAllPoisonous)
        }
        for slot in slots { settle(slot, outcome.answers[slot.key], round: round, at: now) }
    }

    /// The database answers, if only with an error that data raised.
    mutating func succeeded(withDataFault: Bool = false) {
        guard let transition = breaker.succeeded(withDataFault: withDataFault) else { return }
        actions.transitions.append(transition)
        cache.beginWalk()
    }

    /// The database does not answer as it should.
    mutating func failed(_ reason: String, isDataFault: Bool = false, slots: [FetchSlot] = [], at now: Instant) {
        guard let transition = breaker.failed(reason, isDataFault: isDataFault, slots: slots) else { return }
        actions.transitions.append(transition)
        for slot in batcher.removeAll() { settle(slot, nil, round: round, at: now) }
    }

    private mutating func begin(_ batch: FetchBatch) -> Query {
        lastQuery += 1
        let query = Query(number: lastQuery, batch: batch)
        underway[lastQuery] = (query, round)
        // What changed before the query begins is seen by it.
        for slot in batch.slots where pending[slot]?.isDirty == true { pending[slot]?.isDirty = false }
        return query
    }

    /// Notes the answer for a slot, nil being none, and lets its waiters go.
    private mutating func settle(_ slot: FetchSlot, _ answer: FetchOutcome.Answer?, round: Int, at now: Instant) {
        let asked = pending[slot]
        pending[slot] = nil
        if let answer {
            let isDirty = asked?.isDirty == true || round < self.round
            note(answer, for: slot, staleAlready: isDirty, at: now)
            if isDirty { _ = ask(slot, at: now) }
        } else {
            owe(slot, at: now)
        }
        for waiter in asked?.waiters ?? [] where waiters.settle(waiter) { actions.settled.append(waiter) }
    }

    private mutating func note(
        _ answer: FetchOutcome.Answer, for slot: FetchSlot, staleAlready: Bool, at now: Instant
    ) {
        let previous = cache.value(for: slot)
        var value = FetchedValue(json: previous?.json, failure: nil, freshUntil: now + rule.ttl, round: round)
        switch answer {
        case .data(let json): value.json = json
        case .nothing: value.json = nil
        case .unusable: value.failure = .data
        case .poisonous:
            value.failure = .data
            value.freshUntil = now + min(rule.ttl, Self.poisonPause)
        }
        if staleAlready { value.freshUntil = now }
        cache.set(value, for: slot)
        // What was told as failed must be told as whole again, also with the same data.
        if let previous, value.failure == nil, previous.failure != nil || previous.json != value.json {
            actions.changed.insert(slot.key)
        }
    }
}

// MARK: - What to do

extension RuleState {
    /// Moves time on and hands over what is to be done.
    mutating func takeActions(at now: Instant) -> Actions {
        expireWaiters(at: now)
        if !breaker.isOpen {
            walkOn(at: now)
            for batch in batcher.take(at: now, room: Self.width - underway.count) {
                actions.queries.append(begin(batch))
            }
        }
        actions.wake = nextWake(after: now)
        actions.dropped = cache.takeDropped()
        defer { actions = Actions() }
        return actions
    }

    /// Lets those go whose time is over; what they go without is told when it comes.
    private mutating func expireWaiters(at now: Instant) {
        while let (number, slots) = waiters.expire(at: now) {
            actions.settled.append(number)
            for slot in slots where cache.value(for: slot) == nil { owe(slot, at: now) }
        }
    }

    /// Asks anew for what could not be had and for what may have changed: a part of a batch in each window, so that those
    /// who wait are not kept.
    private mutating func walkOn(at now: Instant) {
        if let retryAt, retryAt <= now, !cache.isWalking {
            self.retryAt = nil
            cache.beginWalk()
        }
        guard cache.isWalking, walkOnAt.map({ $0 <= now }) ?? true else { return }
        walkOnAt = now + FetchBatcher.window
        guard underway.count < Self.width else { return }
        // With the topic asked for, each topic costs a query of its own.
        let limit = (rule.takesTopic ? 20 : FetchBatcher.maximumKeys) - batcher.count
        guard limit > 0 else { return }
        let round = round
        for slot in cache.walkOn(limit: limit, where: { $0.failure == .outage || $0.round < round }) {
            _ = ask(slot, at: now)
        }
    }

    private func nextWake(after now: Instant) -> Instant? {
        var times = [waiters.firstDeadline]
        if !breaker.isOpen {
            times.append(batcher.nextDue(after: now))
            times.append(cache.isWalking ? walkOnAt : retryAt)
        }
        return times.compactMap { $0 }.min()
    }
}
