// Rollcall · Enrichment

import Logging
import ServiceLifecycle
import Synchronization

extension FetchHook {
    private static let probeInterval = Duration.milliseconds(500)

    /// Runs queries, timers and probes until graceful shutdown or cancellation, and awaits them; call it once.
    package func run() async throws {
        // Without rules there is nothing to run, but a service that returns would end the node.
        guard !rules.isEmpty else { return try await gracefulShutdown() }
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for index in self.rules.indices { group.addTask { await self.keepProbing(index) } }
                for await job in self.jobs.stream { group.addTask { await self.perform(job) } }
            }
        }
        jobs.continuation.finish()
        for rule in rules {
            for caller in rule.state.withLock({ $0.shutDown() }) { caller.continuation?.resume() }
        }
    }

    private func perform(_ job: Job) async {
        switch job {
        case .query(let query, let ruleIndex): await run(query, ofRule: ruleIndex)
        case .wake(let time, let ruleIndex):
            // A cancelled sleep ends before the time.
            guard (try? await Task.sleep(until: time, tolerance: .zero, clock: .continuous)) != nil else { return }
            change(ruleIndex) { state, now in state.timerFired(time, at: now) }
        }
    }

    private func keepProbing(_ ruleIndex: Int) async {
        while !Task.isCancelled {
            await probe(ruleIndex)
            // The jitter spreads the probes of nodes that lost the same database.
            try? await Task.sleep(for: Self.probeInterval * .random(in: 0.8...1.2))
        }
    }

    /// Probes the database while the breaker of a rule is open: validates the rule until the database has accepted it,
    /// then queries one key.
    private func probe(_ ruleIndex: Int) async {
        let (isOpen, isValidated) = change(ruleIndex) { state, _ in (state.rule.isOpen, state.isValidated) }
        guard isOpen else { return }
        if !isValidated {
            do throws(FetchRuleError) {
                try await source.validate(rules[ruleIndex].rule)
            } catch {
                if !Task.isCancelled { change(ruleIndex) { state, _ in state.rule.fail("\(error)") } }
                return
            }
        }
        let query = change(ruleIndex) { state, _ in
            state.isValidated = true
            return state.rule.probe()
        }
        if let query { await run(query, ofRule: ruleIndex) }
    }

    private func run(_ query: RuleState.Query, ofRule ruleIndex: Int) async {
        let rule = rules[ruleIndex]
        let outcome = await source.outcome(of: query.batch, for: rule.rule, metrics: rule.metrics)
        change(ruleIndex) { state, now in state.rule.finish(query.number, outcome, at: now) }
    }

    /// Carries out the actions of a rule's state; must not be called under its lock.
    func perform(_ actions: RuleState.Actions, ofRule ruleIndex: Int) {
        for query in actions.queries { jobs.continuation.yield(.query(query, ruleIndex: ruleIndex)) }
        rules[ruleIndex].metrics.countRaised(actions.raised)
        for transition in actions.transitions { log(transition, ofRule: ruleIndex) }
        if !actions.changed.isEmpty { onChange(actions.changed) }
    }

    private func log(_ transition: FetchBreaker.Transition, ofRule ruleIndex: Int) {
        let rule = rules[ruleIndex].rule
        let metadata: Logger.Metadata = ["field": "\(rule.field)", "topics": "\(rule.topics)"]
        switch transition {
        case .opened(let reason):
            logger.warning(
                "enrichment: rule fails, its breaker is open",
                metadata: metadata.merging(["reason": "\(reason)"]) { $1 })
        case .closed:
            logger.info("enrichment: rule works, its breaker is closed", metadata: metadata)
        }
        rules[ruleIndex].metrics.note(openBreakers: openBreakers(of: rule.field))
    }
}
