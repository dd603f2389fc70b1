// Rollcall · Enrichment

import Logging
import ServiceLifecycle

extension FetchHook {
    private static let probeInterval = Duration.milliseconds(500)

    /// Tries again what the database did not answer, until graceful shutdown or cancellation.
    package func run() async throws {
        // A service that returns ends the node, and without rules there is nothing to probe.
        guard !fields.isEmpty else { return try await gracefulShutdown() }
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for place in self.fields.indices { group.addTask { await self.keepProbing(place) } }
            }
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
        for query in actions.queries { Task { await run(query, ofRule: place) } }
        if let time = effects.timer {
            Task {
                try? await Task.sleep(until: time, tolerance: .zero, clock: .continuous)
                change([place]) { state, _, now in state.timerFired(time, at: now) }
            }
        }
        for wait in effects.ended { wait.end() }
        if !actions.dropped.isEmpty {
            // To free a generation takes milliseconds, which an event loop does not have: this task is the last to let go.
            Task {
                try? await Task.sleep(for: .milliseconds(100))
                withExtendedLifetime(actions.dropped) {}
            }
        }
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
