// Rollcall · Enrichment

import Presence

/// The pure state of one rule: what is known, what is asked for, who waits, and whether the database is asked at all.
///
/// Time is passed in. Events change the state; ``takeActions(at:)`` after one or several of them says what to do. A slot
/// is asked for by one query at a time, whoever wants it, and not again before its answer is stale. What takes longer
/// than the keys of a call would is done in small parts, and only when a timer fires.
struct RuleState: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The pause before the hook itself asks again for what could not be had.
    static let retryPause = Duration.seconds(1)
    /// How long a key is left alone whose data made the query fail; twice as long each time, up to the TTL.
    static let firstPause = Duration.seconds(5)

    let rule: FetchRule
    private var cache: FetchCache
    private var breaker: FetchBreaker
    private var streak = RaisingStreak()
    private var asked = AskedSlots()
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

    /// Whether nothing is asked for.
    var isOpen: Bool { breaker.isOpen }

    /// Why there is no data; nil if all is well.
    var fault: String? { breaker.fault ?? streak.fault }

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

    /// Asks for what is not known; gives the number of a waiter, unless there is nothing to wait for or no time left.
    mutating func fetch(
        _ slots: some Sequence<FetchSlot>, by deadline: Instant? = nil, tally: inout FetchTally, at now: Instant
    ) -> Int? {
        let number = waiters.next
        let patience = now + FetchBatcher.window + rule.timeout
        let end = min(patience, deadline ?? patience)
        var missing: [FetchSlot] = []
        for slot in slots {
            let value = known(slot, at: now)
            tally.add(value, at: now)
            guard value == nil, ask(slot, at: now), end > now else { continue }
            asked.addWaiter(number, for: slot)
            missing.append(slot)
        }
        guard !missing.isEmpty else { return nil }
        waiters.add(missing, until: end)
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
                ? Set(cache.slots(of: key)).union(asked.slots(of: key)) : [FetchSlot(key: key, topic: nil)]
            var isHeld = false
            for slot in slots where asked.markDirty(slot) || refresh(slot, at: now) { isHeld = true }
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
        if asked.contains(slot) { return true }
        let isSuspect = cache.value(for: slot)?.pause != nil
        if !breaker.isOpen, asked.add(slot, isSuspect: isSuspect) { return true }
        owe(slot, at: now)
        return false
    }

    /// Asks anew for what is known of a slot, which is stale from now on; false if nothing is.
    @discardableResult
    private mutating func refresh(_ slot: FetchSlot, at now: Instant) -> Bool {
        guard var value = cache.value(for: slot) else { return false }
        value.freshUntil = now
        cache.set(value, for: slot)
        _ = ask(slot, at: now)
        return true
    }

    /// Notes that a slot could not be had: what is known stays, marked, and the hook asks again by itself.
    @discardableResult
    private mutating func owe(_ slot: FetchSlot, isSuspect: Bool = false, at now: Instant) -> FetchedValue {
        let previous = cache.value(for: slot)
        let value = FetchedValue(
            json: previous?.json, failure: .outage, pause: previous?.pause ?? (isSuspect ? .zero : nil),
            freshUntil: now + Self.retryPause, round: round)
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
        return asked.probe(slot, round: round)
    }

    /// A query has ended.
    mutating func finish(_ number: Int, _ outcome: FetchOutcome, at now: Instant) {
        guard let query = asked.end(number, outcome.ending) else { return }
        guard let failure = outcome.failure else {
            succeeded()
            note(streak.answered())
            for slot in query.batch.slots {
                note(outcome.answers[slot.key] ?? .nothing, for: slot, at: now)
                settle(slot, query, at: now)
            }
            return
        }
        if failure.isDataFault { return raised(query, failure.reason, at: now) }
        failed(failure.reason, slots: query.batch.slots)
        giveUp(query.batch.slots, areSuspects: query.isSearch, at: now)
    }

    /// The data of a key made a query fail: one that was asked for alone is left alone for a while, of several each may
    /// be the one.
    private mutating func raised(_ query: Query, _ reason: String, at now: Instant) {
        // The database answers.
        succeeded()
        note(streak.raised(reason, at: now))
        guard query.batch.keys.count == 1 else {
            if !asked.suspect(query) { giveUp(query.batch.slots, areSuspects: true, at: now) }
            return
        }
        for slot in query.batch.slots {
            let previous = cache.value(for: slot)
            let pause = min(rule.ttl, max(Self.firstPause, (previous?.pause ?? .zero) * 2))
            cache.set(
                FetchedValue(
                    json: previous?.json, failure: .data, pause: pause, freshUntil: now + pause, round: round),
                for: slot)
            actions.raised += 1
            settle(slot, query, at: now)
        }
    }

    /// The database answers, if only with an error that data raised.
    mutating func succeeded() {
        guard let transition = breaker.succeeded() else { return }
        note(transition)
        cache.beginWalk()
    }

    /// The database does not answer as it should.
    mutating func failed(_ reason: String, slots: [FetchSlot] = []) {
        guard let transition = breaker.failed(reason, slots: slots) else { return }
        // What was said of the query before is no news any more when the database is back.
        streak = RaisingStreak()
        note(transition)
    }

    private mutating func note(_ transition: FetchBreaker.Transition?) {
        if let transition { actions.transitions.append(transition) }
    }

    private mutating func giveUp(_ slots: [FetchSlot], areSuspects: Bool, at now: Instant) {
        for slot in slots {
            owe(slot, isSuspect: areSuspects, at: now)
            letGo(of: slot)
        }
    }

    /// Asks for a slot that was answered no more, unless the answer may have come too early.
    private mutating func settle(_ slot: FetchSlot, _ query: Query, at now: Instant) {
        let dirtySince = letGo(of: slot)
        if query.round < round || dirtySince >= query.number { refresh(slot, at: now) }
    }

    /// Asks for a slot no more, and lets those go who wait for nothing else; gives the last query that may be too early.
    @discardableResult
    private mutating func letGo(of slot: FetchSlot) -> Int {
        guard let asked = asked.remove(slot) else { return 0 }
        for waiter in asked.waiters where waiters.settle(waiter) { actions.settled.append(waiter) }
        return asked.dirtySince
    }

    private mutating func note(_ answer: FetchOutcome.Answer, for slot: FetchSlot, at now: Instant) {
        let previous = cache.value(for: slot)
        var value = FetchedValue(json: previous?.json, failure: nil, freshUntil: now + rule.ttl, round: round)
        switch answer {
        case .data(let json): value.json = json
        case .nothing: value.json = nil
        case .unusable: value.failure = .data
        }
        cache.set(value, for: slot)
        // What was told as failed must be told as whole again, also with the same data.
        if let previous, value.failure == nil, previous.failure != nil || previous.json != value.json {
            actions.changed.insert(slot.key)
        }
    }
}

// MARK: - What to do

extension RuleState {
    /// A time that actions named has come.
    mutating func timeCame(at now: Instant) {
        while let (number, slots) = waiters.expire(at: now) {
            actions.settled.append(number)
            // What they go without is told when it comes.
            for slot in slots where cache.value(for: slot) == nil { owe(slot, at: now) }
        }
        if breaker.isOpen {
            let (slots, suspects) = asked.giveUp(at: now)
            giveUp(slots, areSuspects: false, at: now)
            giveUp(suspects, areSuspects: true, at: now)
        } else {
            walkOn(at: now)
        }
    }

    /// Hands over what is to be done.
    mutating func takeActions(at now: Instant) -> Actions {
        if !breaker.isOpen { actions.queries += asked.takeQueries(at: now, round: round) }
        actions.wake = nextWake(after: now)
        actions.dropped = cache.takeDropped()
        defer { actions = Actions() }
        return actions
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
        guard !asked.isBusy else { return }
        // With the topic asked for, each topic costs a query of its own.
        let limit = (rule.takesTopic ? 20 : FetchBatcher.maximumKeys) - asked.waiting
        guard limit > 0 else { return }
        let round = round
        for slot in cache.walkOn(limit: limit, where: { $0.failure == .outage || $0.round < round }) {
            _ = ask(slot, at: now)
        }
    }

    private func nextWake(after now: Instant) -> Instant? {
        var times = [waiters.firstDeadline, asked.nextDue(after: now)]
        if breaker.isOpen {
            if asked.waiting + asked.suspects > 0 { times.append(now) }
        } else {
            times.append(cache.isWalking ? walkOnAt ?? now : retryAt)
        }
        return times.compactMap { $0 }.min()
    }
}
