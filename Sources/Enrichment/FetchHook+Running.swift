// Rollcall · Enrichment

import Logging
import ServiceLifecycle
import Synchronization

extension FetchHook {
    private static let probeInterval = Duration.milliseconds(500)

    /// Tries again what the database did not answer, until graceful shutdown or cancellation.
    package func run() async throws {
        // A service that returns ends the node, and without rules there is nothing to probe.
        guard !fields.isEmpty else { return try await gracefulShutdown() }
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for place in self.fields.indices { group.addTask { await self.keepProbing(place) } }
                for await job in self.jobs.stream { group.addTask { await self.perform(job) } }
            }
        }
        jobs.continuation.finish()
        // Nothing comes any more of what they wait for.
        for field in fields { for wait in field.state.state.withLock({ $0.shutDown() }) { wait.end() } }
    }

    private func perform(_ job: Job) async {
        switch job {
        case .query(let query, let place): await run(query, ofRule: place)
        case .wake(let time, let place):
            // A timer that is cancelled comes too early.
            guard (try? await Task.sleep(until: time, tolerance: .zero, clock: .continuous)) != nil else { return }
            change([place]) { state, _, now in state.timerFired(time, at: now) }
        case .free(let dropped):
            // The caller releases its reference within this time, so this task holds the last one and frees the entries.
            try? await Task.sleep(for: .milliseconds(100))
            withExtendedLifetime(dropped) {}
        }
    }

    private func keepProbing(_ place: Int) async {
        while !Task.isCancelled {
            await probe(place)
            // Nodes that lost one database at once come back to it apart.
            try? await Task.sleep(for: Self.probeInterval * .random(in: 0.8...1.2))
        }
    }

    /// Asks the database whether it takes the rule, if it has not said so yet, and for a key that it owes.
    private func probe(_ place: Int) async {
        let known = change([place]) { state, _, _ in (isOpen: state.rule.isOpen, isValidated: state.isValidated) }
        guard let known = known.first, known.isOpen else { return }
        if !known.isValidated {
            do throws(FetchRuleError) {
                try await source.validate(fields[place].rule)
            } catch {
                if !Task.isCancelled { change([place]) { state, _, _ in state.rule.failed("\(error)") } }
                return
            }
        }
        let query = change([place]) { state, _, _ in
            state.isValidated = true
            return state.rule.probe()
        }
        if let query = query.first ?? nil { await run(query, ofRule: place) }
    }

    private func run(_ query: RuleState.Query, ofRule place: Int) async {
        let outcome = await fields[place].query.outcome(of: query.batch)
        change([place]) { state, _, now in state.rule.finish(query.number, outcome, at: now) }
    }

    /// Does what follows from a change of a rule's state; not under its lock.
    func perform(_ effects: FieldState.Effects, ofRule place: Int) {
        let actions = effects.actions
        for query in actions.queries { jobs.continuation.yield(.query(query, place: place)) }
        if let time = effects.timer { jobs.continuation.yield(.wake(at: time, place: place)) }
        for wait in effects.ended { wait.end() }
        if !actions.dropped.isEmpty { jobs.continuation.yield(.free(actions.dropped)) }
        fields[place].metrics.countRaised(actions.raised)
        for transition in actions.transitions { tell(transition, ofRule: place) }
        if !actions.changed.isEmpty { onChange(actions.changed) }
    }

    private func tell(_ transition: FetchBreaker.Transition, ofRule place: Int) {
        let rule = fields[place].rule
        let metadata: Logger.Metadata = ["field": "\(rule.field)", "topics": "\(rule.topics)"]
        switch transition {
        case .opened(let reason):
            logger.warning("Fetching fails", metadata: metadata.merging(["reason": "\(reason)"]) { $1 })
        case .closed:
            logger.info("Fetching works", metadata: metadata)
        }
        fields[place].metrics.note(openBreakers: openBreakers(of: rule.field))
    }
}
