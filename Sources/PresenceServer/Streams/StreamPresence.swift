// Rollcall · PresenceServer

import Logging
import NIOCore
import Presence
import PresenceFeed
import PresenceStore

/// The presence that a stream is, from its track to the end of its lease.
///
/// The stream tracks it, the lease keeper renews it, and the stream's end leaves it its grace. Whoever opens the same
/// session later owns it; then nothing that this one does changes it any more.
struct StreamPresence: Sendable {
    let topic: Topic
    let request: StreamPresenceRequest
    let store: PresenceStore
    let leases: LeaseKeeper
    let logger: Logger
    private let owner = StreamOwner.random()

    init(
        topic: Topic, request: StreamPresenceRequest, store: PresenceStore, leases: LeaseKeeper, logger: Logger
    ) {
        self.topic = topic
        self.request = request
        self.store = store
        self.leases = leases
        self.logger = logger
    }

    /// Tracks the presence and has its lease renewed from here on.
    ///
    /// While Redis is away it tries again, as long as the stream is open; nil if that ended first.
    ///
    /// - Parameters:
    ///   - onDelay: Called at each failure after the first second.
    ///   - onUntracked: Called when Redis says that somebody untracked the presence, and no message did.
    nonisolated(nonsending) func track(
        while isOpen: () -> Bool, onDelay: (_ since: NIODeadline) -> Void,
        onUntracked: @escaping @Sendable () -> Void
    ) async throws(StoreError) -> Receipt? {
        let start = NIODeadline.now()
        var pause = Duration.milliseconds(100)
        repeat {
            do {
                return try await trackOnce(onUntracked)
            } catch  where error.isTransient {
                logger.debug("Tracking a stream's presence failed; trying again", metadata: ["error": "\(error)"])
            }
            if .now() - start > .seconds(1) { onDelay(start) }
            try? await Task.sleep(for: pause * Double.random(in: 0.5...1))
            pause = min(pause * 2, .seconds(2))
        } while isOpen()
        return nil
    }

    /// Answers a change of the presence that did not come from this stream; true if it was untracked.
    func follow(_ change: OwnChange) -> Bool {
        switch change {
        case .became(let presence):
            leases.refresh(request.member, on: topic, presence: presence)
            return false
        case .left(let reason):
            // While this stream is open, only a newer one of the same session can close what was its presence.
            guard reason == .untracked || reason == .closed else { return false }
            leases.drop(request.member, on: topic, owner: owner)
            return reason == .untracked
        }
    }

    /// Gives the presence its grace, unless another stream has taken it over.
    func release() {
        leases.unbind(request.member, on: topic, owner: owner, grace: request.grace)
    }

    private nonisolated(nonsending) func trackOnce(_ onUntracked: @escaping @Sendable () -> Void)
        async throws(StoreError) -> Receipt
    {
        let member = request.member
        let outcomes = try await store.track(
            [Tracking(member: member, meta: request.meta)], on: topic, mode: .put, owner: owner)
        guard let receipt = outcomes.first?.receipt else {
            throw StoreError(.corrupt, "The track script did not answer for its member.")
        }
        var meta = request.meta ?? .empty
        if request.meta == nil, let (_, stored) = try await store.presence(of: member, on: topic) {
            meta = stored.presence.meta
        }
        leases.bind(
            member, on: topic, owner: owner, ttl: receipt.ttl,
            presence: Presence(ref: receipt.ref, previous: receipt.previous, meta: meta), onUntracked: onUntracked)
        return receipt
    }
}
