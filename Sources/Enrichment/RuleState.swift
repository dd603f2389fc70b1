// Rollcall · Enrichment

import Presence

/// The state of one rule: the cache, the keys that are asked for, the waiters, and whether the database is asked at
/// all.
///
/// Pure: time is passed in. Events change the state; ``takeActions(at:)`` after one or several of them returns what to
/// do. One query at a time asks for a key, and none before the last answer is stale. Work on more keys than an event
/// names is done in small parts, by ``timeCame(at:)``.
struct RuleState: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A query to run; ``finish(_:_:at:)`` gets its outcome under its number.
    struct Query: Hashable, Sendable {
        let number: Int
        let batch: FetchBatch
        /// The generation in which it began.
        let generation: Int
        /// Whether it asks for one key alone, since the key or its batch raised.
        var isAlone = false
    }

    /// What to do after the events since the last time.
    struct Actions: Sendable {
        var queries: [Query] = []
        /// Waiters that need wait no longer.
        var settled: [Int] = []
        /// Keys with other data than was given last.
        var changed: Set<Key> = []
        /// How many keys were found for which the query raises.
        var raised = 0
        var transitions: [FetchBreaker.Transition] = []
        /// When to call ``timeCame(at:)``, if no event comes before.
        var wake: Instant?
    }

    /// The pause before the rule asks by itself again for keys that failed.
    static let retryPause = Duration.seconds(1)
    /// The pause before a key that raised is asked for again.
    ///
    /// It doubles each time, up to the `ttl` of the rule.
    static let firstRaisedPause = Duration.seconds(5)

    let rule: FetchRule
    private var cache: FetchCache
    private var breaker: FetchBreaker
    private var asked = AskedKeys()
    private var waiters = FetchWaiters()
    /// Grows by one with each ``refetchAll()``: values of an older generation are fetched again.
    private var generation = 0
    /// When to begin a refetch of keys that failed.
    private var retryAt: Instant?
    /// The position in the cache of the refetch that is under way.
    private var refetchPosition: Int?
    /// When the refetch goes on.
    private var refetchAt: Instant?
    private var actions = Actions()

    init(
        rule: FetchRule, breaker: FetchBreaker = FetchBreaker(), cacheBytes: Int = FetchCache.standardBytes
    ) {
        self.rule = rule
        self.breaker = breaker
        cache = FetchCache(maximumBytes: cacheBytes)
    }

    /// Whether only probes are asked.
    var isOpen: Bool { breaker.isOpen }
    /// Why there is no data; nil if all is well.
    var fault: String? { breaker.fault }
}

// MARK: - Callers

extension RuleState {
    /// Returns the cached value for an entry that leaves; asks for nothing.
    mutating func cached(_ key: CacheKey) -> FetchedValue? { cache.use(key) }

    /// Returns what can be shown of a key at once; nil if it must be fetched first.
    ///
    /// A stale value is returned, and asked for again.
    mutating func known(_ key: CacheKey, at now: Instant) -> FetchedValue? {
        let value = cache.use(key)
        if let value, !value.isStale(at: now), value.generation == generation { return value }
        if breaker.isOpen { return markFailed(key, at: now) }
        if value != nil { ask(key, at: now) }
        return value
    }

    /// Returns what can be shown of all these keys at once; nil if one must be fetched first.
    mutating func known(_ keys: some Collection<CacheKey>, at now: Instant) -> [FetchedValue]? {
        var values: [FetchedValue] = []
        values.reserveCapacity(keys.count)
        for key in keys {
            guard let value = known(key, at: now) else { return nil }
            values.append(value)
        }
        return values
    }

    /// Asks for the keys that are not known.
    ///
    /// Returns the number of a waiter; nil if there is nothing to wait for, or no time left.
    mutating func fetch(
        _ keys: some Sequence<CacheKey>, by deadline: Instant? = nil, tally: inout FetchTally, at now: Instant
    ) -> Int? {
        let number = waiters.next
        let longest = now + FetchBatcher.window + rule.timeout
        let end = min(longest, deadline ?? longest)
        var missing = 0
        for key in keys {
            let value = known(key, at: now)
            tally.add(value, at: now)
            guard value == nil, ask(key, at: now), end > now else { continue }
            asked.addWaiter(number, for: key)
            missing += 1
        }
        guard missing > 0 else { return nil }
        waiters.add(missing, until: end)
        return number
    }

    /// Returns what can be shown of a key after waiting.
    ///
    /// Without a value the key is marked as failed, so that its data is reported as a change when it comes.
    mutating func shown(_ key: CacheKey, at now: Instant) -> FetchedValue {
        cache.use(key) ?? markFailed(key, at: now)
    }

    /// The data of these keys changed at its source.
    ///
    /// A known value is fetched again, and reported if it differs. An unknown one is reported at once, since it may
    /// have been shown before it was evicted.
    mutating func invalidate(_ keys: some Sequence<Key>, at now: Instant) {
        for key in keys {
            let cacheKeys =
                rule.takesTopic
                ? Set(cache.cacheKeys(of: key)).union(asked.cacheKeys(of: key)) : [CacheKey(key: key, topic: nil)]
            var isHeld = false
            for cacheKey in cacheKeys where asked.markDirty(cacheKey) || refetch(cacheKey, at: now) { isHeld = true }
            if !isHeld { actions.changed.insert(key) }
        }
    }

    /// Any data may have changed: begins a refetch of all values, a part of it in each window.
    mutating func refetchAll() {
        generation += 1
        refetchPosition = 0
    }

    /// Makes sure that a key is asked for; false, with the key marked as failed, if it cannot be now.
    @discardableResult
    private mutating func ask(_ key: CacheKey, at now: Instant) -> Bool {
        if asked.contains(key) { return true }
        if !breaker.isOpen, asked.add(key, raisedPause: cache[key]?.raisedPause) { return true }
        markFailed(key, at: now)
        return false
    }

    /// Makes a known value stale and asks for it again; false if there is none.
    @discardableResult
    private mutating func refetch(_ key: CacheKey, at now: Instant) -> Bool {
        guard var value = cache[key] else { return false }
        value.freshUntil = now
        cache.set(value, for: key)
        ask(key, at: now)
        return true
    }

    /// Notes that a key could not be fetched: the known data stays, marked, and the rule asks again by itself.
    @discardableResult
    private mutating func markFailed(_ key: CacheKey, isSuspect: Bool = false, at now: Instant) -> FetchedValue {
        let previous = cache[key]
        let value = FetchedValue(
            json: previous?.json, failure: .outage, raisedPause: previous?.raisedPause ?? (isSuspect ? .zero : nil),
            freshUntil: now + Self.retryPause, generation: generation)
        cache.set(value, for: key)
        if retryAt == nil { retryAt = now + Self.retryPause }
        return value
    }
}

// MARK: - Outcomes

extension RuleState {
    /// Returns a query for one key while the breaker is open, to find out whether the database works again.
    mutating func probe() -> Query? {
        guard breaker.isOpen else { return nil }
        // Before a key has failed there is none to probe with: it is enough that the database took the rule.
        guard let key = breaker.nextProbe() else {
            note(breaker.answered())
            return nil
        }
        return asked.probe(key, generation: generation)
    }

    /// The database did not take the rule, or could not be asked.
    mutating func failed(_ reason: String) { note(breaker.failed(reason, keys: [])) }

    /// A query has ended.
    mutating func finish(_ number: Int, _ outcome: FetchOutcome, at now: Instant) {
        guard let query = asked.end(number, outcome.ending, at: now) else { return }
        let keys = query.batch.cacheKeys
        switch (outcome.ending, outcome.failure) {
        case (.raised, let failure?):
            note(breaker.raised(failure.reason, at: now))
            if keys.count == 1 {
                noteRaised(keys[0], at: now)
                settle(keys[0], query, at: now)
            } else if !asked.askOneByOne(query.batch) {
                giveUp(keys, areSuspects: true, at: now)
            }
        case (_, let failure?):
            note(breaker.failed(failure.reason, keys: keys))
            giveUp(keys, areSuspects: query.isAlone, at: now)
        case (_, nil):
            note(breaker.answered())
            for key in keys {
                note(outcome.answers[key.key] ?? .nothing, for: key, at: now)
                settle(key, query, at: now)
            }
        }
    }

    private mutating func note(_ transition: FetchBreaker.Transition?) {
        guard let transition else { return }
        actions.transitions.append(transition)
        // The keys that failed meanwhile need not wait for their retry.
        if transition == .closed { refetchPosition = 0 }
    }

    private mutating func note(_ answer: FetchOutcome.Answer, for key: CacheKey, at now: Instant) {
        let previous = cache[key]
        var value = FetchedValue(
            json: previous?.json, failure: nil, freshUntil: now + rule.ttl, generation: generation)
        switch answer {
        case .data(let json): value.json = json
        case .nothing: value.json = nil
        case .unusable: value.failure = .data
        }
        cache.set(value, for: key)
        // An entry that was shown as incomplete must be shown as complete, also with the same data.
        if let previous, value.failure == nil, previous.failure != nil || previous.json != value.json {
            actions.changed.insert(key.key)
        }
    }

    /// The query raised for this key alone: the key rests until its retry time.
    private mutating func noteRaised(_ key: CacheKey, at now: Instant) {
        let previous = cache[key]
        let pause = min(rule.ttl, max(Self.firstRaisedPause, (previous?.raisedPause ?? .zero) * 2))
        cache.set(
            FetchedValue(
                json: previous?.json, failure: .data, raisedPause: pause, freshUntil: now + pause,
                generation: generation),
            for: key)
        actions.raised += 1
    }

    private mutating func giveUp(_ keys: [CacheKey], areSuspects: Bool, at now: Instant) {
        for key in keys {
            markFailed(key, isSuspect: areSuspects, at: now)
            stopAsking(for: key)
        }
    }

    /// Ends the asking for a key that has an outcome, and asks again if the outcome may be older than the data.
    private mutating func settle(_ key: CacheKey, _ query: Query, at now: Instant) {
        let dirtySince = stopAsking(for: key)
        if query.generation < generation || dirtySince >= query.number { refetch(key, at: now) }
    }

    /// Ends the asking for a key and settles its waiters; returns the last query that had begun when its data changed.
    @discardableResult
    private mutating func stopAsking(for key: CacheKey) -> Int {
        guard let asked = asked.remove(key) else { return 0 }
        for waiter in asked.waiters where waiters.settle(waiter) { actions.settled.append(waiter) }
        return asked.dirtySince
    }
}

// MARK: - Time and actions

extension RuleState {
    /// The time of ``Actions/wake`` has come.
    mutating func timeCame(at now: Instant) {
        actions.settled += waiters.expire(at: now)
        if breaker.isOpen {
            let (keys, suspects) = asked.giveUp(at: now)
            giveUp(keys, areSuspects: false, at: now)
            giveUp(suspects, areSuspects: true, at: now)
        } else {
            refetchNext(at: now)
        }
    }

    /// Returns what to do, once.
    mutating func takeActions(at now: Instant) -> Actions {
        if !breaker.isOpen { actions.queries = asked.takeQueries(at: now, generation: generation) }
        actions.wake = nextWake(after: now)
        defer { actions = Actions() }
        return actions
    }

    /// Asks for keys that failed, and for values of older generations: up to a batch in each window.
    ///
    /// Keys that callers wait for are in the same batch.
    private mutating func refetchNext(at now: Instant) {
        if let retryAt, retryAt <= now, refetchPosition == nil {
            self.retryAt = nil
            refetchPosition = 0
        }
        guard var position = refetchPosition, refetchAt.map({ $0 <= now }) ?? true else { return }
        refetchAt = now + FetchBatcher.window
        // If the query takes the topic, each topic costs a query of its own.
        let limit = (rule.takesTopic ? 20 : FetchBatcher.maximumKeys) - asked.waiting
        guard limit > 0, asked.room(at: now) > 0 else { return }
        let generation = generation
        let keys = cache.cacheKeys(from: &position, limit: limit) {
            $0.failure == .outage || $0.generation < generation
        }
        refetchPosition = position < cache.endPosition ? position : nil
        for key in keys { ask(key, at: now) }
    }

    private func nextWake(after now: Instant) -> Instant? {
        var times = [waiters.firstDeadline, asked.nextDue(after: now)]
        if !breaker.isOpen {
            times.append(refetchPosition == nil ? retryAt : refetchAt ?? now)
        } else if asked.waiting + asked.waitingAlone > 0 {
            times.append(asked.nextDue(after: now) ?? now)
        }
        return times.compactMap { $0 }.min()
    }
}
