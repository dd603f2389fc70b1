// Rollcall · PresenceStore

package import Logging
import Metrics
import Presence
import ServiceLifecycle
import Synchronization

/// Ends presences whose lease is over, together with the sweepers of all other nodes.
///
/// Each bucket is ticked by one live node each second, which the others back up at a longer interval; what two nodes do
/// at once harms nothing, since a sweep decides in Redis. Errors are logged when they begin and when they end.
package final class Sweeper: Service, Sendable {
    private struct State {
        var owned: [Int] = []
        var isListed = false
        var heldBuckets = 0
        var auditRound = 0
    }

    /// Sweeps in one pipeline: a bound on how long others wait behind them.
    private static let topicsPerPipeline = 64

    private let store: PresenceStore
    private let node: String
    private let policy: SweepPolicy
    private let logger: Logger
    private let onNodeListLost: @Sendable () -> Void
    /// One for each loop, so that none reports the end of another's trouble.
    private let ticking: FailureEdgeLogger
    private let backingUp: FailureEdgeLogger
    private let auditing: FailureEdgeLogger
    private let state = Mutex(State())
    private let swept = Counter(label: "rollcall_presences_swept_total")
    private let repaired = Counter(label: "rollcall_leases_repaired_total")

    /// - Parameters:
    ///   - node: names this node among all that share the Redis.
    ///   - onForgotten: Called when Redis does not know any more that this node lives: it may have lost everything.
    package init(
        store: PresenceStore, node: String, policy: SweepPolicy? = nil, logger: Logger,
        onNodeListLost: @escaping @Sendable () -> Void = {}
    ) {
        self.store = store
        self.node = node
        self.policy = policy ?? SweepPolicy(limits: store.limits)
        self.logger = logger
        self.onNodeListLost = onNodeListLost
        self.ticking = FailureEdgeLogger(work: "Sweeping", logger: logger)
        self.backingUp = FailureEdgeLogger(work: "Sweeping for other nodes", logger: logger)
        self.auditing = FailureEdgeLogger(work: "Auditing", logger: logger)
    }

    /// Sweeps until graceful shutdown, then takes this node off the list.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            await withDiscardingTaskGroup { group in
                group.addTask { await every(self.policy.interval) { await self.ticking.watch(self.tickAssigned) } }
                group.addTask {
                    await every(self.policy.backupInterval) { await self.backingUp.watch(self.tickOthers) }
                }
                group.addTask {
                    await every(self.policy.auditInterval / StoreKeys.buckets) {
                        await self.auditing.watch(self.auditNext)
                    }
                }
            }
        }
        // Failing that, the others find it gone when its time is over.
        try? await store.delist(node)
    }

    /// Renews this node's place on the list and ticks the buckets that fall to it.
    func tickAssigned() async throws(StoreError) {
        let (nodes, wasListed) = try await store.enlist(node, policy: policy)
        let owned = BucketAssignment.buckets(of: node, among: nodes)
        let isForgotten = state.withLock { state in
            defer { (state.owned, state.isListed) = (owned, true) }
            return state.isListed && !wasListed
        }
        if isForgotten { onNodeListLost() }
        try await tick(owned)
    }

    /// Ticks the buckets of other nodes, should those be gone.
    func tickOthers() async throws(StoreError) {
        let owned = Set(state.withLock { $0.owned })
        try await tick((0..<StoreKeys.buckets).filter { !owned.contains($0) }, reportsHold: false)
    }

    /// Audits the topics of the next bucket if that is ours.
    func auditNext() async throws(StoreError) {
        let bucket = state.withLock { state in
            state.auditRound = (state.auditRound + 1) % StoreKeys.buckets
            return state.owned.contains(state.auditRound) ? state.auditRound : nil
        }
        guard let bucket else { return }
        for topic in try await store.topics(inBucket: bucket) where !Task.isCancelled { try await audit(topic) }
    }

    /// Ticks buckets and sweeps what is due in them, for as long as a round may last: a tick that comes late holds expiry.
    ///
    /// What is left is listed again by the next round's ticks.
    private func tick(_ buckets: [Int], reportsHold: Bool = true) async throws(StoreError) {
        let end = ContinuousClock.now + policy.interval
        var buckets = buckets
        var failure: StoreError?
        while !buckets.isEmpty, !Task.isCancelled {
            let ticks = try await store.tick(buckets, policy: policy)
            if reportsHold { report(held: ticks.count { $0.heldFor > 0 }, for: ticks.map(\.heldFor).max() ?? 0) }
            // In no order of buckets: what one round does not come to may be the first of the next.
            let goesOn = try await sweep(ticks.shuffled().flatMap(\.topics), until: end, failure: &failure)
            // A full list may have a continuation.
            buckets = zip(buckets, ticks).filter { goesOn && $1.topics.count >= policy.topicsPerTick }.map(\.0)
        }
        if let failure { throw failure }
    }

    /// Sweeps until nothing in these topics is due or the round is over; says whether to look for more.
    ///
    /// Without any progress it would be the same again, and what Redis holds is refused until the next tick. A topic that
    /// cannot be swept (a key of it is of a strange type) keeps no other from it; `failure` is one such error.
    private func sweep(
        _ topics: [Topic], until end: ContinuousClock.Instant, failure: inout StoreError?
    ) async throws(StoreError) -> Bool {
        var (progressed, isHeld) = (false, false)
        var waiting = topics[...]
        while !waiting.isEmpty, !Task.isCancelled {
            let batch = waiting.prefix(Self.topicsPerPipeline)
            waiting = waiting.dropFirst(batch.count)
            for (topic, result) in zip(batch, try await store.sweep(batch, policy: policy)) {
                do throws(StoreError) {
                    let sweep = try result.get()
                    swept.increment(by: sweep.removed)
                    if sweep.isHeld { isHeld = true } else { progressed = true }
                    if sweep.hasMore { waiting.append(topic) }
                    // One that has no time now has its turn within the minute.
                    if sweep.needsAudit, .now < end { try await audit(topic) }
                } catch {
                    failure = error
                }
            }
            if isHeld || .now >= end { return false }
        }
        return progressed
    }

    private func audit(_ topic: Topic) async throws(StoreError) {
        let audit = try await store.audit(topic)
        guard audit != Audit() else { return }
        repaired.increment(by: audit.given + audit.dropped)
        logger.warning(
            "A topic had lost a part of its keys",
            metadata: ["leases given": "\(audit.given)", "leases dropped": "\(audit.dropped)"])
    }

    private func report(held: Int, for milliseconds: Int) {
        let before = state.withLock { state in
            defer { state.heldBuckets = held }
            return state.heldBuckets
        }
        if before == 0, held > 0 {
            logger.notice("Expiry is held", metadata: ["buckets": "\(held)", "milliseconds": "\(milliseconds)"])
        } else if before > 0, held == 0 {
            logger.notice("Expiry goes on")
        }
    }
}
