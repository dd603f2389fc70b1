// Rollcall · PresenceStore

package import Logging
import Metrics
import PresenceModel
import ServiceLifecycle
import Synchronization

/// Removes presences after the end of their leases, together with the sweepers of all other nodes.
///
/// One live node ticks each bucket every second, and the others tick it at a longer interval as a backup. Two nodes may
/// sweep at once, because the script decides in Redis. Errors are logged when they begin and when they end.
package final class Sweeper: Service, Sendable {
    private struct State {
        var assigned: [Int] = []
        var isListed = false
        var heldBuckets = 0
        var auditRound = 0
    }

    /// Sweeps in one pipeline; bounds how long other commands wait behind them.
    private static let topicsPerPipeline = 64

    private let store: PresenceStore
    private let node: String
    private let policy: SweepPolicy
    private let logger: Logger
    private let onNodeListLost: @Sendable () -> Void
    /// One for each loop: a success of one loop does not end an outage of another.
    private let ticking: FailureEdgeLogger
    private let backingUp: FailureEdgeLogger
    private let auditing: FailureEdgeLogger
    private let state = Mutex(State())
    private let swept = Counter(label: "rollcall_presences_swept_total")
    private let repaired = Counter(label: "rollcall_leases_repaired_total")

    /// - Parameters:
    ///   - node: The name of this node, unique among those that share the Redis.
    ///   - onNodeListLost: Called when Redis no longer lists this node: it may have lost everything.
    package init(
        store: PresenceStore, node: String, policy: SweepPolicy? = nil, logger: Logger,
        onNodeListLost: @escaping @Sendable () -> Void = {}
    ) {
        self.store = store
        self.node = node
        self.policy = policy ?? SweepPolicy(limits: store.limits)
        self.logger = logger
        self.onNodeListLost = onNodeListLost
        self.ticking = FailureEdgeLogger(work: "sweep: round", logger: logger)
        self.backingUp = FailureEdgeLogger(work: "sweep: backup round", logger: logger)
        self.auditing = FailureEdgeLogger(work: "audit: round", logger: logger)
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
        // If this fails, the other nodes drop it from the list after the node time-out.
        try? await store.delist(node)
    }

    /// Lists this node as live and ticks the buckets that are assigned to it.
    func tickAssigned() async throws(StoreError) {
        let (nodes, wasListed) = try await store.enlist(node, policy: policy)
        let assigned = BucketAssignment.buckets(of: node, among: nodes)
        let isListLost = state.withLock { state in
            defer { (state.assigned, state.isListed) = (assigned, true) }
            return state.isListed && !wasListed
        }
        if isListLost { onNodeListLost() }
        try await tick(assigned)
    }

    /// Ticks the buckets of other nodes, in case those are gone.
    func tickOthers() async throws(StoreError) {
        let assigned = Set(state.withLock { $0.assigned })
        try await tick((0..<StoreKeys.buckets).filter { !assigned.contains($0) }, reportsHold: false)
    }

    /// Audits the topics of the next bucket if it is assigned to this node.
    func auditNext() async throws(StoreError) {
        let bucket = state.withLock { state in
            state.auditRound = (state.auditRound + 1) % StoreKeys.buckets
            return state.assigned.contains(state.auditRound) ? state.auditRound : nil
        }
        guard let bucket else { return }
        for topic in try await store.topics(inBucket: bucket) where !Task.isCancelled { try await audit(topic) }
    }

    /// Ticks buckets and sweeps the topics that are due, for one interval at most, because a late tick begins a hold.
    ///
    /// The ticks of the next round list the rest.
    private func tick(_ buckets: [Int], reportsHold: Bool = true) async throws(StoreError) {
        let end = ContinuousClock.now + policy.interval
        var buckets = buckets
        var failure: StoreError?
        while !buckets.isEmpty, !Task.isCancelled {
            let ticks = try await store.tick(buckets, policy: policy)
            if reportsHold { report(held: ticks.count { $0.heldFor > 0 }, for: ticks.map(\.heldFor).max() ?? 0) }
            // Shuffled, so that topics that one round does not reach may be first in the next.
            let mayHaveMore = try await sweep(ticks.shuffled().flatMap(\.topics), until: end, failure: &failure)
            // A full list may not have all topics that are due.
            buckets = zip(buckets, ticks).filter { mayHaveMore && $1.topics.count >= policy.topicsPerTick }.map(\.0)
        }
        if let failure { throw failure }
    }

    /// Sweeps until nothing in these topics is due or the round is over; returns whether another tick may list more.
    ///
    /// Returns false without any progress, because a tick would list the same topics, and during a hold, because sweeps
    /// are refused until the next tick. If a topic cannot be swept (one of its keys has another type), the others still
    /// are; `failure` is one such error.
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
                    // Without time now, the regular audit repairs the topic within 60 s.
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
            "audit: topic repaired, Redis had lost a part of it",
            metadata: ["topic": "\(topic)", "given": "\(audit.given)", "dropped": "\(audit.dropped)"])
    }

    private func report(held: Int, for milliseconds: Int) {
        let before = state.withLock { state in
            defer { state.heldBuckets = held }
            return state.heldBuckets
        }
        if before == 0, held > 0 {
            logger.notice("sweep: expiry held", metadata: ["buckets": "\(held)", "milliseconds": "\(milliseconds)"])
        } else if before > 0, held == 0 {
            logger.notice("sweep: expiry resumed")
        }
    }
}
