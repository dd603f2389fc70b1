// Rollcall · Enrichment

package import Logging
import Postgres
package import Presence
import ServiceLifecycle
import Synchronization

/// Adds to entries what a database knows of their keys, and cannot hurt them.
///
/// Each rule has a ``RuleState`` that decides everything; the hook runs its queries and timers, and wakes who waits. All
/// calls but ``fetch(_:leaving:on:by:)`` return at once, also while the database is away, at a cost of the keys given. Each rule
/// has a lock of its own, so a long list of keys holds up no other rule. ``run()`` owns the queries and timers, which end by
/// themselves within a rule's time-out, and awaits them; before and after it nothing is fetched.
///
/// Whoever was told that something is incomplete need not ask again: ``onChange`` is told when it is there. Two things
/// are not told: what the cache had to drop meanwhile, having taken 50,000 others or 32 MiB of them since, and data that
/// could not be shown or made its query fail and was mended without a word; that is asked for when its time is over and
/// somebody wants it.
package final class FetchHook: Service {
    /// A rule as the hook works with it; its place in the list is its name within the hook.
    struct Field: Sendable {
        let rule: FetchRule
        let query: BatchQuery
        let metrics: FetchMetrics
        let state: Locked
    }

    /// The state of one rule under its lock.
    final class Locked: Sendable {
        let state: Mutex<FieldState>

        init(_ state: consuming FieldState) { self.state = Mutex(state) }
    }

    /// What ``run()`` does for a rule.
    enum Job: Sendable {
        case query(RuleState.Query, place: Int)
        case wake(at: ContinuousClock.Instant, place: Int)
        /// Frees the entries that a cache dropped. This takes too long for an event loop.
        case free([CacheGeneration])
    }

    let fields: [Field]
    let source: FetchSource
    let logger: Logger
    let onChange: @Sendable (Set<Key>) -> Void
    /// Unbounded, since a rule's state bounds it: a few queries and timers, and two generations of its cache at most.
    let jobs: (stream: AsyncStream<Job>, continuation: AsyncStream<Job>.Continuation)

    /// - Parameters:
    ///   - isValidated: Whether the database has taken the rules already; else ``run()`` sees to it before anything is
    ///     asked, and entries are bare until then.
    ///   - onChange: Told the keys whose data is other than what was given last; on no thread in particular.
    package init(
        rules: [FetchRule], source: FetchSource, isValidated: Bool = false, logger: Logger,
        onChange: @escaping @Sendable (Set<Key>) -> Void
    ) {
        fields = rules.map { rule in
            let metrics = FetchMetrics(field: rule.field)
            return Field(
                rule: rule, query: BatchQuery(rule: rule, source: source, metrics: metrics), metrics: metrics,
                state: Locked(FieldState(rule: rule, isValidated: isValidated)))
        }
        jobs = AsyncStream.makeStream()
        self.source = source
        self.logger = logger
        self.onChange = onChange
        for field in fields { field.metrics.note(openBreakers: openBreakers(of: field.rule.field)) }
    }

    /// Whether anything is added to the entries of a topic.
    package func applies(to topic: Topic) -> Bool { fields.contains { $0.rule.topics.matches(topic) } }

    /// One sentence for each rule that gets no data now.
    package var faults: [String] {
        fields.compactMap { field in
            field.state.state.withLock { $0.rule.fault }.map { "\(field.rule.field): \($0)" }
        }
    }

    /// What is added to entries, if all of it is known: stale data is known, and fetched anew meanwhile.
    ///
    /// Nil where something must be fetched first. Keys that are `leaving` get what is there, and are never fetched.
    package func known(
        _ keys: some Collection<Key>, leaving: some Collection<Key>, on topic: Topic
    ) -> EnrichmentFields? {
        let (keys, leaving) = (Array(keys), Array(leaving))
        let places = places(on: topic)
        let found = change(places) { [fields] state, place, now -> (FieldValues, FetchTally)? in
            guard let shown = state.known(keys, on: topic, at: now) else { return nil }
            var tally = FetchTally()
            for value in shown { tally.add(value, at: now) }
            let field = fields[place].rule.field
            return (FieldValues(field: field, shown: shown, leaving: state.cached(leaving, on: topic)), tally)
        }
        guard found.allSatisfy({ $0 != nil }) else { return nil }
        for case (let place, (_, let tally)?) in zip(places, found) { fields[place].metrics.count(tally) }
        return EnrichmentFields(found.compactMap { $0?.0 }, shown: keys, leaving: leaving)
    }

    /// What is added to entries, fetched as far as it is not known.
    ///
    /// Waits for no rule longer than its time-out and the batching window, nor beyond `deadline`. Then it gives what was
    /// known last, or nothing, and says that this is incomplete; ``onChange`` is told when the data comes after all.
    package func fetch(
        _ keys: some Collection<Key>, leaving: some Collection<Key>, on topic: Topic,
        by deadline: ContinuousClock.Instant? = nil
    ) async -> EnrichmentFields {
        let (keys, leaving) = (Array(keys), Array(leaving))
        let places = places(on: topic)
        let begun = change(places) { state, _, now in state.fetch(keys, on: topic, by: deadline, at: now) }
        for (place, begun) in zip(places, begun) { fields[place].metrics.count(begun.tally) }
        for (wait, _) in begun { await wait?.untilEnded() }
        let values = change(places) { [fields] state, place, now in
            FieldValues(
                field: fields[place].rule.field, shown: state.shown(keys, on: topic, at: now),
                leaving: state.cached(leaving, on: topic))
        }
        return EnrichmentFields(values, shown: keys, leaving: leaving)
    }

    /// How many rules of a field ask for nothing now.
    func openBreakers(of field: String) -> Int {
        fields.count { $0.rule.field == field && $0.state.state.withLock { $0.rule.isOpen } }
    }

    /// The data of these keys changed at its source.
    ///
    /// What is known is fetched anew, and told if it differs; what is not known is told at once.
    package func invalidate(_ keys: [Key]) {
        // A bulk update may name many, and event loops wait for the same lock.
        var rest = keys[...]
        while !rest.isEmpty {
            let some = rest.prefix(FetchBatcher.maximumKeys)
            rest = rest.dropFirst(some.count)
            change(fields.indices) { state, _, now in state.rule.invalidate(some, at: now) }
        }
    }

    /// Any data may have changed, since news of it was missed: all that is known is fetched anew, little by little.
    package func revalidate() {
        change(fields.indices) { state, _, _ in state.rule.revalidate() }
    }

    /// Changes the states of some rules, each under its lock, and outside of them does what follows.
    @discardableResult
    func change<Value: Sendable>(
        _ places: some Sequence<Int>, _ body: (inout FieldState, Int, ContinuousClock.Instant) -> Value
    ) -> [Value] {
        let now = ContinuousClock.now
        let changes = places.map { place in
            fields[place].state.state.withLock { state in
                let value = body(&state, place, now)
                return (value: value, place: place, effects: state.takeEffects(at: now))
            }
        }
        for change in changes { perform(change.effects, ofRule: change.place) }
        return changes.map(\.value)
    }

    /// The rules that hold on a topic: of those for one field the first.
    private func places(on topic: Topic) -> [Int] {
        var names: Set<String> = []
        return fields.indices.filter { place in
            let rule = fields[place].rule
            return rule.topics.matches(topic) && names.insert(rule.field).inserted
        }
    }
}
