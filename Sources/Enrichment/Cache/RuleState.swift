// Rollcall · Enrichment

import PresenceModel

/// The state of one rule: its cache, the keys that it asks for, its waiters and its breaker.
///
/// Pure: the caller passes the time. Events change the state; ``takeActions(at:)`` after one or several of them returns
/// what to do. One query at a time asks for a key, and none before the last answer is stale. ``advance(to:)`` does work
/// on more keys than an event names, in small parts.
struct RuleState: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A query to run; ``finish(_:_:at:)`` gets its outcome under its number.
    struct Query: Hashable, Sendable {
        let number: Int
        let batch: FetchBatch
        /// The generation in which the query began.
        let generation: Int
        /// Whether the query is for one key alone, because the key or its batch raised.
        var isAlone = false
    }

    /// The actions that the events since the last ``takeActions(at:)`` require.
    struct Actions: Sendable {
        var queries: [Query] = []
        /// Waiters that are done: their keys are settled, or their deadline has passed.
        var settled: [Int] = []
        /// Keys with data that differs from the data returned last.
        var changed: Set<Key> = []
        /// The number of keys for which the query raised.
        var raised = 0
        var transitions: [FetchBreaker.Transition] = []
        /// When to call ``advance(to:)``, if no event comes before.
        var wake: Instant?
    }

    /// The pause before the rule queries failed keys again, without a caller.
    static let retryPause = Duration.seconds(1)
    /// The pause before the rule queries a key that raised again.
    ///
    /// It doubles each time, up to the `ttl` of the rule.
    static let firstRaisedPause = Duration.seconds(5)

    let rule: FetchRule
    private var cache: FetchCache
    private var breaker: FetchBreaker
    private var asked = AskedKeys()
    private var waiters = FetchWaiters()
    /// The number of calls of ``refetchAll()``: values of an older generation are fetched again.
    private var generation = 0
    /// When to begin a refetch of failed keys.
    private var retryAt: Instant?
    /// The position in the cache of the refetch that is under way.
    private var refetchPosition: Int?
    /// When the next part of the refetch is due.
    private var refetchAt: Instant?
    private var actions = Actions()

    init(
        rule: FetchRule, breaker: FetchBreaker = FetchBreaker(), cacheBytes: Int = FetchCache.standardBytes
    ) {
        self.rule = rule
        self.breaker = breaker
        cache = FetchCache(maximumBytes: cacheBytes)
    }

    /// Whether the breaker is open, so that only probes run.
    var isOpen: Bool { breaker.isOpen }
    /// Why the rule gets no data; nil while it works.
    var fault: String? { breaker.fault }
}

// MARK: - Callers

extension RuleState {
    /// Returns the cached value for an entry that leaves; causes no query.
    mutating func cached(_ key: CacheKey) -> FetchedValue? { cache.use(key) }

    /// Returns the value of a key that can be shown at once; nil if it must be fetched first.
    ///
    /// A stale value is returned and fetched again. While the breaker is open, the key is marked as failed instead.
    mutating func known(_ key: CacheKey, at now: Instant) -> FetchedValue? {
        let value = cache.use(key)
        if let value, !value.isStale(at: now), value.generation == generation { return value }
        if breaker.isOpen { return markFailed(key, at: now) }
        if value != nil { ask(key, at: now) }
        return value
    }

    /// Returns the values of all these keys that can be shown at once; nil if one key must be fetched first.
    mutating func known(_ keys: some Collection<CacheKey>, at now: Instant) -> [FetchedValue]? {
        var values: [FetchedValue] = []
        values.reserveCapacity(keys.count)
        for key in keys {
            guard let value = known(key, at: now) else { return nil }
            values.append(value)
        }
        return values
    }

    /// Queues the keys that are not known.
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

    /// Returns the value of a key that can be shown after the wait.
    ///
    /// Without a value the key is marked as failed, so that its data is reported as a change when it is there.
    mutating func shown(_ key: CacheKey, at now: Instant) -> FetchedValue {
        cache.use(key) ?? markFailed(key, at: now)
    }

    /// Handles a change of the data of these keys in the database.
    ///
    /// A known value is fetched again, and reported if it differs. A key without a value is reported at once, because
    /// the value may have been shown before its eviction.
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

    /// Begins a refetch of all values, one part in each window, because any data may have changed.
    mutating func refetchAll() {
        generation += 1
        refetchPosition = 0
    }

    /// Queues a key unless it is already asked for; if it cannot be queued, marks it as failed and returns false.
    @discardableResult
    private mutating func ask(_ key: CacheKey, at now: Instant) -> Bool {
        if asked.contains(key) { return true }
        if !breaker.isOpen, asked.add(key, raisedPause: cache[key]?.raisedPause) { return true }
        markFailed(key, at: now)
        return false
    }

    /// Makes a known value stale and queues its key; returns false if there is no value.
    @discardableResult
    private mutating func refetch(_ key: CacheKey, at now: Instant) -> Bool {
        guard var value = cache[key] else { return false }
        value.freshUntil = now
        cache.set(value, for: key)
        ask(key, at: now)
        return true
    }

    /// Marks a key as failed: its known data stays, and the rule queries the key again without a caller.
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
        // Until a key has failed there is none to probe with: the acceptance of the rule is enough.
        guard let key = breaker.nextProbe() else {
            note(breaker.succeed())
            return nil
        }
        return asked.probe(key, generation: generation)
    }

    /// Handles a failed validation: the database refused the rule, or could not be reached.
    mutating func fail(_ reason: String) { note(breaker.fail(reason, keys: [])) }

    /// Handles the end of a query.
    mutating func finish(_ number: Int, _ outcome: FetchOutcome, at now: Instant) {
        guard let query = asked.end(number, outcome.ending, at: now) else { return }
        let keys = query.batch.cacheKeys
        switch (outcome.ending, outcome.failure) {
        case (.raised, let failure?):
            note(breaker.raise(failure.reason, at: now))
            if keys.count == 1 {
                noteRaised(keys[0], at: now)
                settle(keys[0], query, at: now)
            } else if !asked.askOneByOne(query.batch) {
                giveUp(keys, areSuspects: true, at: now)
            }
        case (_, let failure?):
            note(breaker.fail(failure.reason, keys: keys))
            giveUp(keys, areSuspects: query.isAlone, at: now)
        case (_, nil):
            note(breaker.succeed())
            for key in keys {
                note(outcome.answers[key.key] ?? .nothing, for: key, at: now)
                settle(key, query, at: now)
            }
        }
    }

    private mutating func note(_ transition: FetchBreaker.Transition?) {
        guard let transition else { return }
        actions.transitions.append(transition)
        // A refetch begins now, so that failed keys need not wait for their retry time.
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
        // An entry that was sent as incomplete must be sent as complete, also with the same data.
        if let previous, value.failure == nil, previous.failure != nil || previous.json != value.json {
            actions.changed.insert(key.key)
        }
    }

    /// Records that the query raised for this key alone: the key waits for its retry time, or a change of its data.
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

    /// Removes a key that has an outcome, and fetches it again if the outcome may be older than the data.
    private mutating func settle(_ key: CacheKey, _ query: Query, at now: Instant) {
        let dirtySince = stopAsking(for: key)
        if query.generation < generation || dirtySince >= query.number { refetch(key, at: now) }
    }

    /// Removes a key and settles its waiters; returns the last query that had begun when its data changed.
    @discardableResult
    private mutating func stopAsking(for key: CacheKey) -> Int {
        guard let asked = asked.remove(key) else { return 0 }
        for waiter in asked.waiters where waiters.settle(waiter) { actions.settled.append(waiter) }
        return asked.dirtySince
    }
}

// MARK: - Time and actions

extension RuleState {
    /// Ends waits at their deadline, and continues a refetch; while the breaker is open, gives up waiting keys instead.
    mutating func advance(to now: Instant) {
        actions.settled += waiters.expire(at: now)
        if breaker.isOpen {
            let (keys, suspects) = asked.giveUp(at: now)
            giveUp(keys, areSuspects: false, at: now)
            giveUp(suspects, areSuspects: true, at: now)
        } else {
            refetchNext(at: now)
        }
    }

    /// Returns the actions since the last call.
    mutating func takeActions(at now: Instant) -> Actions {
        if !breaker.isOpen { actions.queries = asked.takeQueries(at: now, generation: generation) }
        actions.wake = nextWake(after: now)
        defer { actions = Actions() }
        return actions
    }

    /// Queues failed keys, and keys with a value of an older generation: up to a batch in each window.
    ///
    /// The keys that callers wait for are in the same batch.
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
