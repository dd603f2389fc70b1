// Rollcall · PresenceServer

import Access
import NIOCore
import PhoenixSocket
import PresenceFeed
import PresenceModel

/// What the feeds of its topics send.
extension ClientSocket {
    func subscribe(_ id: ChannelID) {
        guard let channel = channels[id], channel.release == nil else { return }
        let request = channel.request
        let isSeen = channel.grant.see != .nothing
        channels[id]?.subscription = services.hub.subscribe(
            to: request.topic,
            format: state.options.format(channel.grant.see.view, topicPrefix: request.topicPrefix),
            reaching: channel.cursor, member: request.member, on: loop
        ) { event in
            self.assumeIsolated { $0.receive(event, of: id, isSeen: isSeen) }
        }
    }

    /// - Parameter isSeen: Whether the caller may see the topic.
    private func receive(_ event: FeedEvent, of id: ChannelID, isSeen: Bool) {
        guard state.end == nil else { return }
        if case .own(let change) = event { return follow(change, of: id) }
        guard isSeen else { return }
        switch event {
        case .state(let frame, _): pass(frame, state.passState(of: id), as: .state)
        case .diff(let frame?, _), .resumed(let frame?, _), .dataChanged(let frame):
            pass(frame, state.passDiff(of: id), as: .diff)
        // Phoenix has no words for an outage, and sockets have no cursors.
        case .diff(nil, _), .resumed(nil, _), .degraded, .recovered, .own: break
        }
    }

    private func pass(_ frame: ByteBuffer, _ passage: SocketState.Passage, as kind: StreamQueue.Kind) {
        let isKept: Bool? =
            switch passage {
            case .dropped: nil
            case .whole: output?.pass(frame, behind: nil, as: kind)
            case .behind(let joinRef): output?.pass(frame, behind: joinRef, as: kind)
            }
        if isKept == false { handle(.queueLost) }
    }

    /// Requests a state of each topic with dropped diffs.
    func requestStates() {
        for id in state.channelsWithoutState { channels[id]?.subscription?.requestState() }
    }

    /// Notes a change of the presence of a channel that the channel may not have made.
    private func follow(_ change: OwnChange, of id: ChannelID) {
        guard let channel = channels[id], let presence = channel.presence else { return }
        let member = presence.request.member
        // Redis knows whether this presence was untracked, or the one before it.
        if channel.isTrackedAgain, change == .left(.untracked) { return presence.bringBack(member) }
        switch presence.follow(change, of: member) {
        case .untracked?: forgetPresence(of: id)
        case .removed?: handle(.removed(id))
        default: break
        }
    }

    /// Ends the subscription of a channel, and releases its presence when no change of it runs.
    func leave(_ id: ChannelID, _ release: ChannelRelease) {
        channels[id]?.subscription?.end()
        channels[id]?.subscription = nil
        if channels[id]?.isChanging == true {
            channels[id]?.release = release
        } else {
            drop(id, release)
        }
    }

    func drop(_ id: ChannelID, _ release: ChannelRelease) {
        guard let channel = channels.removeValue(forKey: id) else { return }
        services.callerLimits?.releaseTopic(of: caller)
        guard let presence = channel.presence else { return }
        let isRevoked = state.end == .revoked
        // A removal untracks the presence itself, and counts it.
        let isOfRemoval = release.isRemoved && !isRevoked
        presence.release(
            presence.request.member, grace: isOfRemoval ? StreamPresence.removalGrace : release.grace,
            isRemoved: isRevoked)
    }
}
