// Rollcall · PresenceServer

import Basics
import Logging
import NIOCore
import PresenceModel
import PresenceFeed
import PresenceStore

/// The presence of a stream, from its track to its release.
///
/// The stream tracks it and the lease keeper renews it. The grace begins when the stream ends, unless another stream
/// holds the same session.
struct StreamPresence: Sendable {
    /// The pauses between attempts to track.
    static let backoff = Backoff(first: .milliseconds(100), longest: .seconds(2))

    let topic: Topic
    let request: StreamPresenceRequest
    /// Whether the client resumes with a cursor, and so may have had a session that the server drew.
    let isReturning: Bool
    let store: PresenceStore
    let leases: LeaseKeeper
    let logger: Logger
    private let owner = StreamOwner.random()

    init(
        topic: Topic, request: StreamPresenceRequest, isReturning: Bool, store: PresenceStore, leases: LeaseKeeper,
        logger: Logger
    ) {
        self.topic = topic
        self.request = request
        self.isReturning = isReturning
        self.store = store
        self.leases = leases
        self.logger = logger
    }

    /// Tracks the presence and gives its lease to the lease keeper.
    ///
    /// While Redis is away it retries, after pauses of 2 s at most; nil if the stream ended first. The member is the
    /// requested one, or one that the client had before.
    ///
    /// - Parameters:
    ///   - onDelay: Called at each failure after the first second.
    ///   - onUntracked: Called when Redis reports that the presence was untracked, and no message did.
    nonisolated(nonsending) func track(
        while isOpen: () -> Bool, onDelay: (_ since: NIODeadline) -> Void,
        onUntracked: @escaping @Sendable (Member) -> Void
    ) async throws(StoreError) -> (receipt: Receipt, member: Member)? {
        let start = NIODeadline.now()
        var failures = 0
        repeat {
            do {
                return try await trackOnce(onUntracked)
            } catch  where error.isTransient {
                logger.debug("streams: track failed, retrying", metadata: ["error": "\(error)"])
            }
            if .now() - start > .seconds(1) { onDelay(start) }
            failures += 1
            try? await Task.sleep(for: Self.backoff.pause(failures: failures))
        } while isOpen()
        return nil
    }

    /// Updates the lease after a change of the presence that this stream did not make.
    ///
    /// - Returns: The reason of a leave by purpose, after which the presence does not come back.
    func follow(_ change: OwnChange, of member: Member) -> LeaveReason? {
        switch change {
        case .became(let presence): leases.refresh(member, on: topic, presence: presence)
        case .left(let reason) where reason == .untracked || reason == .removed:
            leases.drop(member, on: topic, owner: owner)
            return reason
        // It left for another reason, such as an expired lease, but the stream is still open: restore it.
        case .left: bringBack(member)
        }
        return nil
    }

    /// Restores the presence within a second, unless it was untracked while this stream held it.
    func bringBack(_ member: Member) { leases.bringBack(member, on: topic, owner: owner) }

    /// Begins the grace of the presence, unless another stream holds its session; it has none if the credential was
    /// revoked.
    ///
    /// After a removal the grace is a second: for the removal itself, which untracks the presence and counts it, and no
    /// longer, because a track on its way may have come after the untrack.
    func release(_ member: Member, after reason: StreamEnd) {
        release(member, grace: reason == .removed ? Self.removalGrace : end.grace, isRemoved: reason == .revoked)
    }

    /// Begins a grace of the presence, unless another stream holds its session.
    ///
    /// - Parameter isRemoved: Whether it leaves at once and as `removed`, in place of the grace.
    func release(_ member: Member, grace: Int, isRemoved: Bool = false) {
        leases.unbind(
            member, on: topic, owner: owner, grace: grace, isResumable: end.isResumable, isRemoved: isRemoved)
    }

    /// Forgets the presence, which was untracked.
    func drop(_ member: Member) { leases.drop(member, on: topic, owner: owner) }

    /// Seconds that a presence stays after a removal that its stream heard of first.
    static let removalGrace = 1

    private var end: StreamPresenceEnd {
        StreamPresenceEnd(grace: request.grace, isResumable: request.isSessionGenerated)
    }

    private nonisolated(nonsending) func trackOnce(_ onUntracked: @escaping @Sendable (Member) -> Void)
        async throws(StoreError) -> (receipt: Receipt, member: Member)
    {
        let (outcome, member) = try await send(TrackItem(member: request.member, meta: request.meta))
        guard let receipt = outcome?.receipt else {
            throw StoreError(.corrupt, "The track script did not answer for its member.")
        }
        var meta = request.meta ?? .empty
        if request.meta == nil, let (_, stored) = try await store.presence(of: member, on: topic) {
            meta = stored.presence.meta
        }
        leases.bind(
            member, on: topic, owner: owner, ttl: receipt.ttl,
            presence: Presence(ref: receipt.ref, previous: receipt.previous, meta: meta), end: end,
            onUntracked: { onUntracked(member) })
        return (receipt, member)
    }

    private nonisolated(nonsending) func send(
        _ item: TrackItem
    ) async throws(StoreError) -> (outcome: TrackOutcome?, member: Member) {
        if let standard = request.defaultMeta {
            // A present session keeps its meta.
            let first = TrackItem(member: item.member, meta: standard)
            let created = try await store.track([first], on: topic, mode: .create, owner: owner).first
            if created?.receipt != nil { return (created, item.member) }
        }
        guard request.isSessionGenerated, isReturning else {
            return (try await store.track([item], on: topic, mode: .put, owner: owner).first, item.member)
        }
        // The client's earlier stream may have ended on this node a moment ago.
        try await leases.finishReleases(of: item.member.key, on: topic)
        return try await store.resume(item, on: topic, owner: owner)
    }
}
