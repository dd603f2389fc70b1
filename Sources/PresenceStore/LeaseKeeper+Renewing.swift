// Rollcall · PresenceStore

import Presence
import Synchronization

extension LeaseKeeper {
    /// Restored values are long; renewals are short.
    private static let restoresPerCall = 100
    private static let topicsPerPipeline = 64

    /// Restores what the last tick missed, renews what is due up to this one.
    ///
    /// What is missing waits for a tick, because it may have been untracked a moment ago: the topic's feed hears of that
    /// within milliseconds and has it dropped.
    func renewDue(tick: Int) async {
        let (suspects, due) = state.withLock { ($0.book.takeSuspects(), $0.book.advance(to: tick)) }
        await restore(suspects)
        await renew(due) { failure, topic in
            switch failure.found {
            case .missing: self.state.withLock { $0.book.suspect(failure.member, on: topic) }
            case .unowned, .foreign: self.letGo(failure, on: topic)
            }
        }
    }

    /// Renews everything, spread over `time`, and restores at once what is missing.
    ///
    /// A Redis that lost writes may also have lost that this stream owns the presence, so one that nobody owns is ours.
    func recoverAll(within time: Duration) async {
        let steps = 20
        try? await Task.sleep(for: time / steps * Double.random(in: 0..<1))
        let all = state.withLock { state in
            state.mustRecover = false
            return state.book.all()
        }
        let shares = Dictionary(grouping: all) { _ in Int.random(in: 0..<steps) }
        for step in 0..<steps where !Task.isCancelled {
            if let share = shares[step] {
                let lost = Mutex<[Topic: [Member]]>([:])
                await renew(share) { failure, topic in
                    switch failure.found {
                    case .missing, .unowned: lost.withLock { $0[topic, default: []].append(failure.member) }
                    case .foreign: self.letGo(failure, on: topic)
                    }
                }
                await restore(lost.withLock { $0.map { (topic: $0.key, members: $0.value) } })
            }
            try? await Task.sleep(for: time / steps)
        }
    }

    private func renew(
        _ renewals: [Renewal], failed: @escaping @Sendable (FailedRenewal, Topic) -> Void
    ) async {
        await inParallel(Self.pipelines(renewals), width: Self.callsInFlight) { [self] pipeline in
            await renewing.watch { () throws(StoreError) in
                for (renewal, result) in zip(pipeline, try await store.renew(pipeline)) {
                    for failure in try result.get() { failed(failure, renewal.topic) }
                }
            }
        }
    }

    private func restore(_ missing: [(topic: Topic, members: [Member])]) async {
        let calls = missing.flatMap { topic, members in
            members.chunks(of: Self.restoresPerCall).map { (topic: topic, members: Array($0)) }
        }
        await inParallel(calls, width: Self.callsInFlight) { [self] topic, members in
            let items = state.withLock { state in
                members.compactMap { member in
                    state.book.binding(of: member, on: topic).map { (member: member, stored: $0.stored) }
                }
            }
            await restoring.watch { () throws(StoreError) in
                do throws(StoreError) {
                    for (item, outcome) in zip(items, try await store.restore(items, on: topic)) {
                        settle(item.member, on: topic, owner: item.stored.owner, outcome)
                    }
                } catch {
                    state.withLock { state in members.forEach { state.book.suspect($0, on: topic) } }
                    throw error
                }
            }
        }
    }

    private func settle(_ member: Member, on topic: Topic, owner: Ownership, _ outcome: RestoreOutcome) {
        guard case .stream(let owner) = owner else { return }
        let isStillBound = state.withLock { state in
            guard state.book.binding(of: member, on: topic)?.owner == owner else { return false }
            switch outcome {
            case .restored: break
            case .kept(let stored): state.book.refresh(member, on: topic, presence: stored.presence)
            case .foreign: state.book.unbind(member, on: topic, owner: owner)
            }
            return true
        }
        // The stream ended while its presence was on the way back: nobody would renew it, so it ends as well.
        if !isStillBound, outcome == .restored { unbind(member, on: topic, owner: owner, grace: 0) }
    }

    /// Another stream, or REST after one, has the session now: that stream has nothing more to do with it.
    private func letGo(_ failure: FailedRenewal, on topic: Topic) {
        state.withLock { _ = $0.book.unbind(failure.member, on: topic, owner: failure.owner) }
    }

    /// Packs calls together: at most 500 members and 64 topics in one go.
    private static func pipelines(_ renewals: [Renewal]) -> [[Renewal]] {
        var pipelines: [[Renewal]] = []
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
