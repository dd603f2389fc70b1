// Rollcall · PresenceStore

import Basics
import PresenceModel
import Synchronization

extension LeaseKeeper {
    /// Fewer than renewals, because a restore sends whole values.
    private static let restoresPerCall = 100
    private static let topicsPerPipeline = 64

    /// Restores the presences that the last tick found missing, then renews those that are due up to this tick.
    ///
    /// A restore waits for a tick, because the presence may just have been untracked: the topic's feed receives that
    /// message within milliseconds, and the binding is dropped.
    func renewDue(tick: Int) async {
        let (suspects, due) = state.withLock { ($0.book.takeSuspects(), $0.book.advance(to: tick)) }
        await restore(suspects)
        await renew(due)
    }

    /// Renews all bindings, spread over `time`, and restores missing presences at once.
    func recoverAll(within time: Duration) async {
        let steps = 20
        try? await Task.sleep(for: time / steps * Double.random(in: 0..<1))
        let all = state.withLock { state in
            state.recovery = .running
            return state.book.all()
        }
        let shares = Dictionary(grouping: all) { _ in Int.random(in: 0..<steps) }
        let start = ContinuousClock.now
        var step = 0
        while step < steps, !Task.isCancelled {
            var share: [LeaseRenewal] = []
            // Sends the shares that fell due meanwhile together, so that slow answers do not add up: feeds delay losses
            // only for a while.
            repeat {
                share += shares[step] ?? []
                step += 1
            } while step < steps && start + time / steps * step <= .now
            if !share.isEmpty {
                await renew(share)
                await restore(state.withLock { $0.book.takeSuspects() })
            }
            try? await Task.sleep(until: start + time / steps * step, clock: .continuous)
        }
        state.withLock { if $0.recovery == .running { $0.recovery = .none } }
    }

    private func renew(_ renewals: [LeaseRenewal]) async {
        await inParallel(Self.pipelines(renewals), width: Self.callsInFlight) { [self] pipeline in
            await renewing.watch { () throws(StoreError) in
                var refusal: StoreError?
                for (renewal, result) in zip(pipeline, try await store.renew(pipeline)) {
                    switch result {
                    case .success(let failures): for failure in failures { note(failure, on: renewal.topic) }
                    case .failure(let error): refusal = error
                    }
                }
                if let refusal { throw refusal }
            }
        }
    }

    /// Schedules a restore after any failure: while a stream is open, only an untrack ends its hold.
    private func note(_ failure: FailedLeaseRenewal, on topic: Topic) {
        let claim = LeaseBook.Claim(member: failure.member, owner: failure.owner)
        state.withLock { $0.book.suspect(claim, on: topic) }
    }

    private func restore(_ missing: [(topic: Topic, claims: [LeaseBook.Claim])]) async {
        let calls = missing.flatMap { topic, claims in
            claims.chunks(of: Self.restoresPerCall).map { (topic: topic, claims: Array($0)) }
        }
        await inParallel(calls, width: Self.callsInFlight) { [self] topic, claims in
            let bindings = state.withLock { state in
                claims.compactMap { claim in
                    state.book.binding(of: claim.member, on: topic, owner: claim.owner).map { (claim, $0) }
                }
            }
            await restoring.watch { () throws(StoreError) in
                do throws(StoreError) {
                    let items = bindings.map { (member: $0.member, stored: $1.stored) }
                    for ((claim, binding), outcome) in zip(bindings, try await store.restore(items, on: topic)) {
                        settle(claim, of: binding, on: topic, outcome)
                    }
                } catch {
                    state.withLock { state in claims.forEach { state.book.suspect($0, on: topic) } }
                    throw error
                }
            }
        }
    }

    /// - Parameter sent: The binding as it was when the restore was sent.
    private func settle(
        _ claim: LeaseBook.Claim, of sent: LeaseBook.Binding, on topic: Topic, _ outcome: RestoreOutcome
    ) {
        let (member, owner) = (claim.member, claim.owner)
        let binding = state.withLock { state in
            switch outcome {
            case .restored: break
            case .kept(let stored):
                state.book.refresh(member, on: topic, presence: stored.presence)
                state.book.renew(member, on: topic, owner: owner, by: stored.ttl)
            case .untracked: return state.book.unbind(member, on: topic, owner: owner)
            }
            return state.book.binding(of: member, on: topic, owner: owner)
        }
        switch outcome {
        case .untracked: binding?.onUntracked()
        // The stream ended meanwhile, and Redis may have executed its release before the restore.
        case .restored where binding == nil, .kept where binding == nil:
            unbind(member, on: topic, owner: owner, grace: sent.end.grace, isResumable: sent.end.isResumable)
        case .restored, .kept: break
        }
    }

    /// Groups calls into pipelines of at most 500 members and 64 topics.
    private static func pipelines(_ renewals: [LeaseRenewal]) -> [[LeaseRenewal]] {
        var pipelines: [[LeaseRenewal]] = []
        var members = 0
        for renewal in renewals {
            let fits = members + renewal.members.count <= PresenceStore.membersPerCall
            if fits, let last = pipelines.last, last.count < topicsPerPipeline {
                pipelines[pipelines.count - 1].append(renewal)
                members += renewal.members.count
            } else {
                pipelines.append([renewal])
                members = renewal.members.count
            }
        }
        return pipelines
    }
}
