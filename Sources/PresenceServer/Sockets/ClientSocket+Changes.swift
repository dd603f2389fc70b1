// Rollcall · PresenceServer

import Access
import Basics
import Foundation
import JSONText
import NIOCore
import PhoenixSocket
import PresenceModel
import PresenceFeed
import PresenceStore

/// Joins, and changes of presences.
extension ClientSocket {
    /// How long attempts to write are begun while Redis is away; the last one takes up to 2 s more.
    private static let patience = TimeAmount.seconds(3)

    // MARK: Joins

    /// Decides about a join, tracks its presence, and gives the result to the state.
    func join(_ id: ChannelID, _ request: JoinRequest) async {
        do throws(Problem) {
            let grant = try admit(request)
            var channel = SocketChannel(request: request, grant: grant)
            if let member = request.member, request.tracksAtOnce, grant.mayTrack {
                do throws(Problem) {
                    let (presence, receipt) = try await track(member, request, meta: request.meta, of: id)
                    channel.presence = presence
                    channel.cursor = receipt.cursor
                } catch {
                    services.callerLimits?.releaseTopic(of: caller)
                    throw error
                }
            }
            channels[id] = channel
        } catch {
            services.callerLimits?.note(error)
            return handle(.refused(id, reason: error.joinReason))
        }
        handle(.joined(id))
        // The presence may have been removed meanwhile.
        removeIfRefused(id, by: services.registry.credentials.revocations, at: Self.now)
    }

    /// Checks the rights and the limits of the caller, and takes a topic of its stock.
    private func admit(_ request: JoinRequest) throws(Problem) -> SocketGrant {
        let caller = try current()
        let grant = try SocketGrant(caller, request, view: state.options.view)
        let tracks = request.tracksAtOnce && grant.mayTrack
        let cost = tracks ? RateCost(PresenceChange.track(request.meta)) : RateCost(requests: 1)
        try services.callerLimits?.admit(subjects, cost)
        // Before the track, so that it arrives as a message and needs no snapshot.
        guard services.hub.follow([request.topic]) else { throw .tooManyTopics }
        try services.callerLimits?.takeTopic(of: caller)
        return grant
    }

    /// The caller as of now.
    private func current() throws(Problem) -> Caller {
        try allow { () throws(Refusal) in
            try services.registry.credentials.current(caller, at: Self.now)
        }
    }

    /// Seconds since 1970.
    private static var now: Double { Date().timeIntervalSince1970 }

    /// Whether the result of a join or of a change is still of use.
    private func isOpen(_ id: ChannelID) -> Bool {
        state.isAwaited(id) || channels[id].map { $0.release == nil } ?? false
    }

    /// Tracks a presence; releases it if it is not known whether that succeeded.
    private func track(
        _ member: Member, _ request: JoinRequest, meta: Meta?, of id: ChannelID
    ) async throws(Problem) -> (StreamPresence, Receipt) {
        let standard = JoinRequest.defaultMeta(at: Int(Self.now))
        // A session that the node drew is present nowhere else.
        let isNamed = request.isSessionNamed
        let presence = StreamPresence(
            topic: request.topic,
            request: StreamPresenceRequest(
                member, meta: isNamed ? meta : meta ?? standard, defaultMeta: isNamed ? standard : nil,
                grace: request.grace ?? services.limits.defaultGrace),
            isReturning: false, store: services.store, leases: services.leases, logger: logger)
        let deadline = NIODeadline.now() + Self.patience
        do throws(StoreError) {
            let tracked = try await presence.track(
                while: { self.isOpen(id) && NIODeadline.now() < deadline }, onDelay: { _ in },
                onUntracked: { [loop] _ in
                    loop.execute { self.assumeIsolated { $0.forgetPresence(of: id) } }
                })
            if let receipt = tracked?.receipt { return (presence, receipt) }
        } catch {
            releaseUnknown(presence, isNamed: isNamed)
            throw ErrorResponse.problem(for: error, logger: logger)
        }
        releaseUnknown(presence, isNamed: isNamed)
        throw .unavailable("Redis cannot be reached.")
    }

    /// Releases a presence that may be tracked.
    ///
    /// The client of a named session joins again. Until then its last holder may be a node that was killed, so it needs
    /// its grace.
    private func releaseUnknown(_ presence: StreamPresence, isNamed: Bool) {
        let grace = isNamed && state.end != .revoked ? presence.request.grace : 0
        presence.release(presence.request.member, grace: grace)
    }

    /// The channel observes from now on.
    func forgetPresence(of id: ChannelID) { channels[id]?.presence = nil }

    // MARK: Changes

    /// Makes a change of the presence of a channel, and gives the result to the state.
    func change(_ id: ChannelID, _ change: PresenceChange) async {
        let outcome: ChangeOutcome
        do throws(Problem) {
            outcome = try await perform(change, of: id)
        } catch {
            outcome = .failed(reason: error.kind.title)
        }
        channels[id]?.isChanging = false
        if let release = channels[id]?.release {
            drop(id, release)
        } else {
            handle(.changed(id, outcome))
        }
    }

    private func perform(_ change: PresenceChange, of id: ChannelID) async throws(Problem) -> ChangeOutcome {
        try await admit(change, of: id)
        let deadline = NIODeadline.now() + Self.patience
        var failures = 0
        while true {
            guard let request = channels[id]?.request, let member = request.member else { throw .absent() }
            try SocketGrant.check(try current(), member, on: request.topic)
            // A track waits for Redis by itself.
            if case .track(let meta) = change, channels[id]?.presence == nil {
                return try await present(member, request, meta, of: id)
            }
            do throws(StoreError) {
                if let outcome = try await write(change, of: id, member, request.topic) { return outcome }
            } catch {
                guard error.isTransient, NIODeadline.now() < deadline, isOpen(id) else {
                    throw ErrorResponse.problem(for: error, logger: logger)
                }
                failures += 1
                try? await Task.sleep(for: StreamPresence.backoff.pause(failures: failures))
            }
        }
    }

    /// Counts a change; above the rate it waits, and the state lets later updates take its place.
    private func admit(_ change: PresenceChange, of id: ChannelID) async throws(Problem) {
        guard let limits = services.callerLimits else { return }
        var isNoted = false
        while true {
            do throws(Problem) {
                return try limits.admit(subjects, RateCost(change))
            } catch {
                guard error.kind == .rateLimited, isOpen(id) else { throw error }
                if !isNoted { limits.note(error) }
                isNoted = true
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// Tracks the presence of a channel that has none.
    private func present(
        _ member: Member, _ request: JoinRequest, _ meta: Meta?, of id: ChannelID
    ) async throws(Problem) -> ChangeOutcome {
        let (presence, receipt) = try await track(member, request, meta: meta, of: id)
        channels[id]?.presence = presence
        channels[id]?.isTrackedAgain = true
        return .done(receipt.ref)
    }

    /// Writes a change of a presence that is there; nil if it was not, and must be tracked.
    private func write(
        _ change: PresenceChange, of id: ChannelID, _ member: Member, _ topic: Topic
    ) async throws(StoreError) -> ChangeOutcome? {
        let presence = channels[id]?.presence
        switch change {
        case .untrack:
            guard let presence else { return .done(nil) }
            _ = try await services.store.untrack([UntrackItem(member: member)], on: topic)
            presence.drop(member)
            forgetPresence(of: id)
            return .done(nil)
        case .track(nil):
            guard let (_, stored) = try await services.store.presence(of: member, on: topic) else {
                return forget(presence, of: id, member)
            }
            return .done(stored.presence.ref)
        case .track(let meta?):
            if let outcome = try await update(.replace(meta), member, topic) { return outcome }
            return forget(presence, of: id, member)
        case .update(let meta):
            guard presence != nil else { return ChangeOutcome.absent }
            return try await update(.replace(meta), member, topic) ?? ChangeOutcome.absent
        case .patch(let patch):
            guard presence != nil else { return ChangeOutcome.absent }
            return try await update(.patch(patch), member, topic) ?? ChangeOutcome.absent
        }
    }

    /// Forgets a presence that Redis does not have, so that it is tracked again.
    private func forget(_ presence: StreamPresence?, of id: ChannelID, _ member: Member) -> ChangeOutcome? {
        presence?.drop(member)
        forgetPresence(of: id)
        return nil
    }

    /// Replaces or patches the meta of a presence; nil if it is absent.
    ///
    /// A second track by the same owner would change no meta, because a retry looks the same.
    private func update(
        _ change: UpdateItem.Change, _ member: Member, _ topic: Topic
    ) async throws(StoreError) -> ChangeOutcome? {
        let item = UpdateItem(member: member, change: change)
        guard let outcome = try await services.store.update([item], on: topic).first else { return nil }
        switch outcome {
        case .changed(let receipt), .unchanged(let receipt): return .done(receipt.ref)
        case .absent, .moved: return nil
        case .invalid(let error): return .failed(reason: error.reason)
        }
    }
}

extension ChangeOutcome {
    fileprivate static var absent: ChangeOutcome { .failed(reason: ProblemKind.presenceAbsent.title) }
}

extension RateCost {
    /// What a change of a presence uses: that of a PATCH, or of a DELETE.
    init(_ change: PresenceChange) {
        switch change {
        case .update(let meta): self.init(requests: 1, tracks: 1, bytes: meta.json.count)
        case .patch(let patch): self.init(requests: 1, tracks: 1, bytes: patch.compact.count)
        case .track(let meta): self.init(requests: 1, tracks: 1, bytes: meta?.json.count ?? 0)
        case .untrack: self.init(requests: 1)
        }
    }
}
