// Rollcall · Enrichment

package import Logging
import Postgres
package import PresenceModel
import ServiceLifecycle
import Synchronization

/// Adds enrichment from PostgreSQL to entries, and never delays them longer than a rule permits.
///
/// Each rule has a ``RuleState`` under a lock of its own, which makes all decisions. The hook runs the queries and
/// timers of the state and resumes its callers. Every call may come on any thread. All calls but
/// ``fetch(_:leaving:on:by:)`` return at once, also while the database is down. ``run()`` owns the queries and timers
/// and awaits them; the hook fetches nothing before and after it.
///
/// A caller that got an incomplete entry need not fetch again: `onChange` gets the key when the data is there. There
/// are two exceptions. The hook does not report a value that the cache evicted meanwhile. The hook queries a key that
/// raised, or has a value that cannot be shown, only when a caller wants it after its retry time.
package final class FetchHook: Service {
    /// Work of ``run()`` for one rule.
    enum Job: Sendable {
        case query(RuleState.Query, ruleIndex: Int)
        case wake(at: ContinuousClock.Instant, ruleIndex: Int)
    }

    let rules: [LockedRule]
    let source: FetchSource
    let logger: Logger
    let onChange: @Sendable (Set<Key>) -> Void
    /// The state of each rule bounds its jobs: ``AskedKeys/width`` batches, ``OneByOneQueue/width`` single keys, a few
    /// timers.
    let jobs: (stream: AsyncStream<Job>, continuation: AsyncStream<Job>.Continuation)

    /// - Parameters:
    ///   - rules: at most ``FetchRule/maximumCount``; of two rules for one field on a topic the first applies.
    ///   - isValidated: whether the database has accepted the rules. If not, ``run()`` validates them before any
    ///     query, and entries are incomplete until then.
    ///   - onChange: gets the keys with data that differs from the data returned last. Any thread; must not block.
    package init(
        rules: [FetchRule], source: FetchSource, isValidated: Bool = false, logger: Logger,
        onChange: @escaping @Sendable (Set<Key>) -> Void
    ) {
        self.rules = rules.map { LockedRule(rule: $0, isValidated: isValidated) }
        jobs = AsyncStream.makeStream()
        self.source = source
        self.logger = logger
        self.onChange = onChange
        for rule in self.rules { rule.metrics.note(openBreakers: openBreakers(of: rule.rule.field)) }
    }

    /// Whether a rule applies to a topic; any thread, does not block.
    package func applies(to topic: Topic) -> Bool { rules.contains { $0.rule.topics.matches(topic) } }

    /// One sentence for each rule that gets no data now; empty while all rules work; any thread.
    package var faults: [String] {
        rules.compactMap { rule in rule.state.withLock { $0.rule.fault }.map { "\(rule.rule.field): \($0)" } }
    }

    /// Returns the enrichment of keys if all of it is known; stale data counts as known, and is fetched again.
    ///
    /// Any thread, also event loops: takes a lock for at most 500 keys at a time.
    /// - Parameter leaving: keys that get the cached data, are never fetched and never incomplete.
    /// - Returns: nil if something must be fetched first, by ``fetch(_:leaving:on:by:)``.
    package func known(
        _ keys: some Collection<Key>, leaving: some Collection<Key>, on topic: Topic
    ) -> EnrichmentFields? {
        let (keys, leaving) = (Array(keys), Array(leaving))
        let now = ContinuousClock.now
        var fields: [FieldValues] = []
        var tallies: [(ruleIndex: Int, tally: FetchTally)] = []
        for index in ruleIndexes(on: topic) {
            var (shown, tally): ([FetchedValue], FetchTally) = ([], FetchTally())
            for chunk in Self.chunks(of: rules[index].cacheKeys(of: keys, on: topic)) {
                guard let values = change(index, { $0.rule.known(chunk, at: $1) }) else { return nil }
                for value in values { tally.add(value, at: now) }
                shown += values
            }
            fields.append(fieldValues(index, shown: shown, leaving: leaving, on: topic))
            tallies.append((index, tally))
        }
        for (index, tally) in tallies { rules[index].metrics.count(tally) }
        return EnrichmentFields(fields, shown: keys, leaving: leaving)
    }

    /// Returns the enrichment of keys, and fetches the part that is not known; never throws.
    ///
    /// Waits for each rule at most its time-out and 10 ms, at most until `deadline`, and only until the task is
    /// cancelled. Then it returns the last known data, or none, and marks the entry as incomplete; `onChange` gets the
    /// key when the data is there. Any thread; takes a lock for at most 500 keys at a time.
    /// - Parameter leaving: keys that get the cached data, are never fetched and never incomplete.
    package func fetch(
        _ keys: some Collection<Key>, leaving: some Collection<Key>, on topic: Topic,
        by deadline: ContinuousClock.Instant? = nil
    ) async -> EnrichmentFields {
        let (keys, leaving) = (Array(keys), Array(leaving))
        let wanted = ruleIndexes(on: topic).map {
            (index: $0, chunks: Self.chunks(of: rules[$0].cacheKeys(of: keys, on: topic)))
        }
        var waits: [(ruleIndex: Int, waiter: Int)] = []
        for (index, chunks) in wanted {
            for chunk in chunks {
                let (waiter, tally) = change(index) { $0.fetch(chunk, by: deadline, at: $1) }
                rules[index].metrics.count(tally)
                if let waiter { waits.append((index, waiter)) }
            }
        }
        for (index, waiter) in waits { await wait(for: waiter, ofRule: index) }
        let fields = wanted.map { index, chunks in
            let shown = chunks.flatMap { chunk in
                change(index) { state, now in chunk.map { state.rule.shown($0, at: now) } }
            }
            return fieldValues(index, shown: shown, leaving: leaving, on: topic)
        }
        return EnrichmentFields(fields, shown: keys, leaving: leaving)
    }

    /// Handles a change of the data of these keys in the database.
    ///
    /// The hook fetches known data again, and reports it if it differs; it reports a key without known data at once.
    /// Any thread; takes a lock for at most 500 keys at a time.
    package func invalidate(_ keys: [Key]) {
        for chunk in Self.chunks(of: keys) {
            for index in rules.indices { change(index) { $0.rule.invalidate(chunk, at: $1) } }
        }
    }

    /// Fetches all known data again, because notifications may have been lost.
    ///
    /// It fetches parts of at most 500 keys, one part each 10 ms. Any thread; does not block.
    package func refetchAll() {
        for index in rules.indices { change(index) { state, _ in state.rule.refetchAll() } }
    }

    /// Changes the state of a rule under its lock, then carries out the effects without the lock.
    @discardableResult
    func change<Value: Sendable>(
        _ ruleIndex: Int, _ body: (inout LockedRule.State, ContinuousClock.Instant) -> Value
    ) -> Value {
        let now = ContinuousClock.now
        let (value, effects) = rules[ruleIndex].state.withLock { state in
            let value = body(&state, now)
            return (value, state.takeEffects(at: now))
        }
        for caller in effects.settled { caller.continuation?.resume() }
        if let time = effects.timer { jobs.continuation.yield(.wake(at: time, ruleIndex: ruleIndex)) }
        perform(effects.actions, ofRule: ruleIndex)
        return value
    }

    /// The number of rules of a field with an open breaker.
    func openBreakers(of field: String) -> Int {
        rules.count { $0.rule.field == field && $0.state.withLock { $0.rule.isOpen } }
    }

    /// Suspends until a waiter is settled or the task is cancelled.
    private func wait(for waiter: Int, ofRule ruleIndex: Int) async {
        let rule = rules[ruleIndex]
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if !rule.state.withLock({ $0.suspend(continuation, for: waiter) }) { continuation.resume() }
            }
        } onCancel: {
            rule.state.withLock { $0.cancel(waiter) }?.continuation?.resume()
        }
    }

    /// Joins the values of shown keys with the cached values of keys that leave.
    private func fieldValues(
        _ ruleIndex: Int, shown: [FetchedValue], leaving: [Key], on topic: Topic
    ) -> FieldValues {
        let rule = rules[ruleIndex]
        let cached = Self.chunks(of: rule.cacheKeys(of: leaving, on: topic)).flatMap { chunk in
            rule.state.withLock { state in chunk.map { state.rule.cached($0) } }
        }
        return FieldValues(field: rule.rule.field, shown: shown, leaving: cached)
    }

    /// The rules that apply to a topic: the first one for each field.
    private func ruleIndexes(on topic: Topic) -> [Int] {
        var names: Set<String> = []
        return rules.indices.filter { index in
            let rule = rules[index].rule
            return rule.topics.matches(topic) && names.insert(rule.field).inserted
        }
    }

    /// Splits keys into the chunks that are handled under a lock at one go.
    private static func chunks<Element>(of keys: [Element]) -> [ArraySlice<Element>] {
        stride(from: 0, to: keys.count, by: FetchBatcher.maximumKeys).map {
            keys[$0..<min($0 + FetchBatcher.maximumKeys, keys.count)]
        }
    }
}

/// The values of one rule, in the order of the shown keys and of the keys that leave.
private struct FieldValues: Sendable {
    let field: String
    let shown: [FetchedValue]
    let leaving: [FetchedValue?]
}

extension EnrichmentFields {
    /// Joins the values of several rules.
    ///
    /// A shown key is incomplete if one of its values failed.
    fileprivate init(_ fields: [FieldValues], shown: [Key], leaving: [Key]) {
        self.init()
        for (index, key) in leaving.enumerated() {
            set(Self.members(fields) { $0.leaving[index] }, for: key)
        }
        for (index, key) in shown.enumerated() {
            let isComplete = fields.allSatisfy { $0.shown[index].failure == nil }
            set(Self.members(fields) { $0.shown[index] }, isComplete: isComplete, for: key)
        }
    }

    private static func members(
        _ fields: [FieldValues], _ value: (FieldValues) -> FetchedValue?
    ) -> [(name: String, json: [UInt8])] {
        fields.compactMap { field in value(field)?.json.map { (field.field, $0) } }
    }
}
