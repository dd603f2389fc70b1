// Rollcall · PhoenixSocket

import DequeModule
package import NIOCore
package import PresenceModel

/// One socket of a Phoenix client as a pure state machine: events in, actions out, time passed in.
///
/// A socket has channels, one for each topic that its client joined. Their joins and changes take a while, and their
/// results come as events. After the end of the socket the results of joins are still taken, so that the presence of a
/// join that succeeded too late is released.
package struct SocketState: Sendable {
    package enum Event: Sendable {
        /// A message of the client.
        case frame(SocketFrame)
        /// A ping or a pong of the client.
        case control
        /// A poll: the application of the client runs.
        case poll
        /// The deadline has passed.
        case timePassed

        /// The result of ``Action/join(_:_:)``: the presence is tracked, or the channel may observe.
        case joined(ChannelID)
        /// The result of ``Action/join(_:_:)``, with the reason for the client.
        case refused(ChannelID, reason: String)
        /// The result of ``Action/change(_:_:)``.
        case changed(ChannelID, ChangeOutcome)

        /// The presence of a channel, or its user, was removed from the topic, or lost the right to it.
        case removed(ChannelID)
        /// The node failed on a channel; its client may join again.
        case failed(ChannelID, reason: String)
        /// Diffs of all channels were dropped, because the client reads slowly.
        case queueLost
        /// The credential ends soon; the payload is the JSON text of an object. Channels that join later get it too.
        case expiring(payload: [UInt8])
        case ended(SocketEnd)
    }

    /// An action that the owner performs, in the given order.
    package enum Action: Sendable {
        case send(ServerMessage)
        /// Check the rights of the caller, and track the member; answered with `.joined` or `.refused`, also if the
        /// socket has ended meanwhile.
        case join(ChannelID, JoinRequest)
        /// Subscribe to the topic of a channel that has joined; its first event is a state.
        case subscribe(ChannelID)
        /// Change the presence of a channel; answered with `.changed`.
        case change(ChannelID, PresenceChange)
        /// End the subscription of a channel, and release its presence.
        case leave(ChannelID, ChannelRelease)
        case ping
        /// Send a close frame, and then close the connection.
        case close(SocketEnd)
        /// Count an answer to a join.
        case count(JoinOutcome)
    }

    /// How a frame of the feed goes to the client.
    package enum Passage: Equatable, Sendable {
        /// It is not sent.
        case dropped
        /// It is sent as it is, the same bytes for all sockets.
        case whole
        /// It is the rest of a message that begins with this `join_ref`.
        case behind(MessageRef)
    }

    package static let maximumChannels = 100
    /// Joins that run at once; others wait, at most one for each channel.
    static let maximumJoins = 16
    /// Messages that wait for the answers to joins, of all channels together; more are refused.
    static let maximumHeld = 16
    static let maximumHeldBytes = ClientMessage.maximumBytes

    package let options: SocketOptions
    let parameters: SocketParameters
    /// The key of a user with a token; nil for any other caller.
    let ownKey: Key?
    let limits: Limits

    /// By their ids, because each diff finds its channel here.
    var channels: [ChannelID: Channel] = [:]
    /// The channels by the bytes of the topic that the client writes.
    var ids: [[UInt8]: ChannelID] = [:]
    var waitingJoins: Deque<ChannelID> = []
    var runningJoins: Set<ChannelID> = []
    /// Running joins with a channel that has ended, and how they are released if they succeed.
    var abandoned: [ChannelID: ChannelRelease] = [:]
    var heldMessages = 0
    var heldBytes = 0
    /// The announcement of the credential's end; nil until it comes.
    var expiring: [UInt8]?
    var liveness: SocketLiveness
    var budget: MessageBudget
    private var lastNumber = 0
    package private(set) var end: SocketEnd?

    package init(
        options: SocketOptions, parameters: SocketParameters, ownKey: Key?, limits: Limits, at now: NIODeadline
    ) {
        self.options = options
        self.parameters = parameters.ofJoins
        self.ownKey = ownKey
        self.limits = limits
        liveness = SocketLiveness(countsMessagesOnly: options.countsMessagesOnly, at: now)
        budget = MessageBudget(at: now)
    }

    /// Takes an event.
    package mutating func handle(_ event: Event, at now: NIODeadline) -> [Action] {
        var actions: [Action] = []
        switch event {
        case .joined(let id): endJoin(id, refusal: nil, &actions)
        case .refused(let id, let reason): endJoin(id, refusal: reason, &actions)
        case _ where end != nil: break
        case .frame(let frame): receive(frame, now, &actions)
        case .control: liveness.hear(isMessage: false, at: now)
        case .poll: liveness.hear(isMessage: true, at: now)
        case .timePassed:
            switch liveness.step(at: now) {
            case .none: break
            case .ping: actions.append(.ping)
            case .silent: finish(.silent, &actions)
            }
        case .changed(let id, let outcome): endChange(id, outcome, &actions)
        case .removed(let id):
            endChannel(id, .removed, refusal: "unauthorized", &actions) {
                .close(topic: $0.topic, joinRef: $0.joinRef)
            }
        case .failed(let id, let reason):
            endChannel(id, .lost, refusal: reason, &actions) {
                .failure(topic: $0.topic, joinRef: $0.joinRef, reason: reason)
            }
        case .queueLost: loseQueue(&actions)
        case .expiring(let payload):
            expiring = payload
            for channel in sortedChannels where channel.isJoined { announceExpiry(to: channel, &actions) }
        case .ended(let end): finish(end, &actions)
        }
        return actions
    }

    /// The time at which `.timePassed` must come; nil after the end.
    package var deadline: NIODeadline? { end == nil ? liveness.deadline : nil }

    /// Whether a join runs and its client still waits for the answer.
    package func isAwaited(_ id: ChannelID) -> Bool { runningJoins.contains(id) && abandoned[id] == nil }

    /// Whether the socket has ended and no result of a join is awaited, so that all its presences are released.
    package var isSettled: Bool { end != nil && runningJoins.isEmpty }

    /// The number of channels, for the metric.
    package var channelCount: Int { channels.count }

    // MARK: Frames of the feed

    /// Takes a state of the topic of a channel.
    package mutating func passState(of id: ChannelID) -> Passage {
        guard let joinRef = channels[id]?.joinRef, channels[id]?.isJoined == true else { return .dropped }
        channels[id]?.hasState = true
        return options.version == .v2 ? .behind(joinRef) : .whole
    }

    /// Takes a diff, or changed data, of the topic of a channel.
    package func passDiff(of id: ChannelID) -> Passage {
        // Without a copy of the channel, because each diff comes here for each socket.
        guard channels[id]?.hasState == true else { return .dropped }
        guard options.stampsDiffs, let joinRef = channels[id]?.joinRef else { return .whole }
        return .behind(joinRef)
    }

    /// The channels that must request a state, because they lost diffs or have had none yet.
    package var channelsWithoutState: [ChannelID] {
        sortedChannels.filter { $0.isJoined && !$0.hasState }.map(\.id)
    }

    private mutating func loseQueue(_ actions: inout [Action]) {
        if options.repairsByClosing { return finish(.unrepaired, &actions) }
        for id in channels.keys { channels[id]?.hasState = false }
    }

    // MARK: Parts

    var sortedChannels: [Channel] { channels.values.sorted { $0.id < $1.id } }

    /// Sends the announcement of the credential's end, if it has come.
    func announceExpiry(to channel: Channel, _ actions: inout [Action]) {
        guard let expiring else { return }
        let (topic, joinRef) = (channel.topic, channel.joinRef)
        actions.append(.send(.push(topic: topic, joinRef: joinRef, event: "expiring", payload: expiring)))
    }

    mutating func nextID() -> ChannelID {
        lastNumber += 1
        return ChannelID(number: lastNumber)
    }

    /// Ends the socket: releases the presences of its channels, also of joins that still run.
    mutating func finish(_ end: SocketEnd, _ actions: inout [Action]) {
        guard self.end == nil else { return }
        self.end = end
        if end.code != nil { actions.append(.close(end)) }
        for channel in sortedChannels {
            if channel.isJoined {
                actions.append(.leave(channel.id, channel.request.release(after: end.ofChannels, limits: limits)))
            } else {
                abandon(channel, end.ofChannels)
            }
            if let replaced = channel.replaced {
                actions.append(.leave(replaced.id, replaced.request.release(after: end.ofChannels, limits: limits)))
            }
        }
        channels = [:]
        ids = [:]
        waitingJoins = []
    }
}
