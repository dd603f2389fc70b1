// Rollcall · PresenceServer

package import Access
import Foundation
package import Logging
import Metrics
package import PresenceStore
import ServiceLifecycle
import Synchronization

/// Keeps the revocations that this node knows equal to those in Redis.
///
/// It reads them at the start, at each new connection, at each message that they have changed, and every five seconds,
/// because messages may be lost. If Redis lost them, it puts them back.
package final class RevocationKeeper: Service, Sendable {
    private struct State: Sendable {
        /// Nil before the first reading.
        var version: RevocationsVersion?
        var revocations = Revocations.empty
    }

    private let store: PresenceStore
    private let credentials: Credentials
    private let logger: Logger
    private let reading: FailureEdgeLogger
    private let onNew: @Sendable (Revocations) async -> Void
    private let state = Mutex(State())
    private let gauge = Gauge(label: "rollcall_revocations")
    /// One reading serves all requests before it.
    private let requests = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// - Parameters:
    ///   - credentials: Gets all revocations at each change.
    ///   - onNew: Called with those that were not known before.
    package init(
        store: PresenceStore, credentials: Credentials, logger: Logger,
        onNew: @escaping @Sendable (Revocations) async -> Void = { _ in }
    ) {
        self.store = store
        self.credentials = credentials
        self.logger = logger
        self.onNew = onNew
        reading = FailureEdgeLogger(work: "access: reading of revocations", logger: logger)
    }

    /// Makes a revocation, which has an effect on this node when it returns.
    ///
    /// - Returns: False, and makes none, if there are as many as there may be.
    package func make(_ revocation: Revocation) async throws(StoreError) -> Bool {
        guard try await store.keepRevocations([(id: revocation.id, record: revocation.record())]) else { return false }
        try await read()
        return true
    }

    /// Lifts a revocation, if there is one with this id.
    package func lift(_ id: String) async throws(StoreError) {
        try await store.liftRevocation(id)
        try await read()
    }

    /// Reads the revocations and removals that have not ended.
    package func list() async throws(StoreError) -> [Revocation] {
        try await read()
        let now = Self.now
        return state.withLock { $0.revocations }.all.filter { !$0.hasEnded(at: now) }
    }

    /// Has the revocations read within a moment.
    package func readSoon() { requests.continuation.yield() }

    /// Reads the revocations; if that fails, the next regular reading tries again.
    package func readNow() async { await reading.watch(self.read) }

    /// Reads until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask {
                    await every(.seconds(5)) { await self.reading.watch(self.readAndDropEnded) }
                }
                group.addTask {
                    for await _ in self.requests.stream {
                        await self.readNow()
                        // Bounds the cost of many changes one after the other.
                        try? await Task.sleep(for: .milliseconds(100))
                    }
                }
            }
        }
    }

    // MARK: Reading

    private func readAndDropEnded() async throws(StoreError) {
        try await read()
        try await dropEnded()
    }

    private func read() async throws(StoreError) {
        let known = state.withLock { $0 }
        guard let stored = try await store.revocations(unless: known.version) else { return }
        var all = stored.records.compactMap { id, record -> Revocation? in
            let revocation = Revocation(id: id, record: record)
            if revocation == nil {
                logger.warning("access: revocation cannot be read and has no effect", metadata: ["id": "\(id)"])
            }
            return revocation
        }
        if let version = known.version, version.source != stored.version.source {
            let lost = try await putBack(known.revocations.missing(in: Revocations(all)))
            all += lost
        }
        await use(Revocations(all), stored.version)
    }

    /// Puts back revocations that Redis lost; returns those that have not ended.
    ///
    /// The version is stored only after this, so that a failure is tried again.
    private func putBack(_ lost: [Revocation]) async throws(StoreError) -> [Revocation] {
        let now = Self.now
        let lost = lost.filter { !$0.hasEnded(at: now) }
        guard !lost.isEmpty else { return [] }
        _ = try await store.keepRevocations(lost.map { (id: $0.id, record: $0.record()) }, most: nil)
        logger.notice("access: revocations put back, Redis had lost them", metadata: ["revocations": "\(lost.count)"])
        return lost
    }

    private func use(_ revocations: Revocations, _ version: RevocationsVersion) async {
        let new = state.withLock { state -> Revocations in
            // A reading that began earlier may end later.
            if let known = state.version, known.source == version.source, known.number > version.number {
                return .empty
            }
            let new = revocations.missing(in: state.revocations)
            set(revocations, &state)
            state.version = version
            return Revocations(new)
        }
        if !new.isEmpty { await onNew(new) }
    }

    /// Drops those that have ended, here and in Redis, a while later: the clocks of nodes differ.
    private func dropEnded() async throws(StoreError) {
        let time = Self.now - TokenRules.leeway
        let ended = state.withLock { $0.revocations }.all.filter { $0.hasEnded(at: time) }
        guard !ended.isEmpty else { return }
        try await store.dropRevocations(ended.map(\.id))
        state.withLock { state in set(Revocations(state.revocations.missing(in: Revocations(ended))), &state) }
    }

    private func set(_ revocations: Revocations, _ state: inout State) {
        state.revocations = revocations
        credentials.replace(revocations: revocations)
        gauge.record(revocations.count)
    }

    /// Seconds since 1970.
    private static var now: Double { Date().timeIntervalSince1970 }
}
