// Rollcall · PhoenixSocket

import Basics
import DequeModule

/// How channels begin and end.
extension SocketState {
    // MARK: Joins

    /// Begins a join.
    ///
    /// - Parameter old: The channel of the same topic, which ends now: of its messages only `phx_close` may follow the
    ///   answer to this join.
    mutating func join(
        _ message: ClientMessage, _ name: [UInt8], replacing old: Channel?, _ actions: inout [Action]
    ) {
        let (refs, topic) = (message.refs, message.topic)
        guard old != nil || channels.count < Self.maximumChannels else {
            actions.append(.count(.tooMany))
            return actions.append(.send(.error(refs, topic: topic, reason: "too many channels joined")))
        }
        var replaced: Channel.Replaced?
        if let old { replaced = supersede(old, &actions) }
        do throws(InputError) {
            let request = try JoinRequest(message, parameters, ownKey: ownKey, limits: limits)
            let id = nextID()
            channels[id] = Channel(
                id, topic: topic, joinRef: refs.joinRef.isNull ? refs.ref : refs.joinRef, request: request, refs: refs,
                replacing: replaced)
            ids[name] = id
            waitingJoins.append(id)
            beginJoins(&actions)
        } catch {
            ids[name] = nil
            actions.append(.count(.invalid))
            actions.append(.send(.error(refs, topic: topic, reason: error.detail)))
            close(replaced, topic, &actions)
        }
    }

    /// Ends a channel that a new join replaces; returns it if it is to be closed behind the answer to that join.
    private mutating func supersede(_ old: Channel, _ actions: inout [Action]) -> Channel.Replaced? {
        channels[old.id] = nil
        guard !old.isJoined else {
            return Channel.Replaced(id: old.id, joinRef: old.joinRef, request: old.request)
        }
        // Its join gets no other answer.
        abandon(old, .left)
        unhold(old.held)
        actions.append(.send(.close(topic: old.topic, joinRef: old.joinRef)))
        return old.replaced
    }

    /// Closes a channel that was replaced, and releases its presence: the new one holds the session by now.
    private func close(_ replaced: Channel.Replaced?, _ topic: String, _ actions: inout [Action]) {
        guard let replaced else { return }
        actions.append(.send(.close(topic: topic, joinRef: replaced.joinRef)))
        actions.append(.leave(replaced.id, replaced.request.release(after: .left, limits: limits)))
    }

    /// Begins waiting joins, as long as few run.
    private mutating func beginJoins(_ actions: inout [Action]) {
        while runningJoins.count < Self.maximumJoins, let id = waitingJoins.popFirst() {
            guard let request = channels[id]?.request else { continue }
            runningJoins.insert(id)
            actions.append(.join(id, request))
        }
    }

    /// Gives up a join without an answer; if it succeeds all the same, its presence is released.
    mutating func abandon(_ channel: Channel, _ end: ChannelEnd) {
        if runningJoins.contains(channel.id) {
            abandoned[channel.id] = channel.request.release(after: end, limits: limits)
        } else {
            waitingJoins.removeAll { $0 == channel.id }
        }
    }

    /// Takes the result of a join.
    ///
    /// - Parameter refusal: The reason why it was refused; nil if it succeeded.
    mutating func endJoin(_ id: ChannelID, refusal: String?, _ actions: inout [Action]) {
        guard runningJoins.remove(id) != nil else { return }
        if let release = abandoned.removeValue(forKey: id) {
            if refusal == nil { actions.append(.leave(id, release)) }
        } else if let channel = channels[id], let refs = channel.unanswered {
            answer(channel, refs, refusal, &actions)
        }
        beginJoins(&actions)
    }

    private mutating func answer(
        _ channel: Channel, _ refs: MessageRefs, _ refusal: String?, _ actions: inout [Action]
    ) {
        let topic = channel.topic
        unhold(channel.held)
        if let refusal {
            remove(channel)
            actions.append(.count(.refused))
            actions.append(.send(.error(refs, topic: topic, reason: refusal)))
        } else {
            channels[channel.id]?.becomeJoined()
            actions.append(.count(.ok))
            actions.append(.send(.ok(refs, topic: topic)))
        }
        close(channel.replaced, topic, &actions)
        if refusal == nil {
            actions.append(.subscribe(channel.id))
            announceExpiry(to: channel, &actions)
        }
        for message in channel.held { receive(message, &actions) }
    }

    // MARK: Ends

    /// Answers `phx_leave`.
    mutating func leave(_ channel: Channel, _ message: ClientMessage, _ actions: inout [Action]) {
        let topic = channel.topic
        remove(channel)
        for refs in channel.changes.unanswered.map(\.refs) + channel.held.map(\.refs) {
            actions.append(.send(.error(refs, topic: topic, reason: "left")))
        }
        actions.append(.send(.ok(message.refs, topic: topic)))
        guard channel.isJoined else {
            abandon(channel, .left)
            unhold(channel.held)
            return close(channel.replaced, topic, &actions)
        }
        actions.append(.send(.close(topic: topic, joinRef: channel.joinRef)))
        actions.append(.leave(channel.id, channel.request.release(after: .left, limits: limits)))
    }

    /// Ends a channel that the client did not leave.
    ///
    /// - Parameters:
    ///   - refusal: The reason for the client, if its join is not answered yet.
    ///   - message: Makes the last message of a channel that has joined.
    mutating func endChannel(
        _ id: ChannelID, _ end: ChannelEnd, refusal: String, _ actions: inout [Action],
        message: (Channel) -> ServerMessage
    ) {
        guard let channel = channels[id] else { return }
        remove(channel)
        if let refs = channel.unanswered {
            abandon(channel, end)
            unhold(channel.held)
            actions.append(.count(.refused))
            actions.append(.send(.error(refs, topic: channel.topic, reason: refusal)))
            close(channel.replaced, channel.topic, &actions)
            for message in channel.held { receive(message, &actions) }
            return
        }
        actions.append(.send(message(channel)))
        actions.append(.leave(id, channel.request.release(after: end, limits: limits)))
    }

    private mutating func remove(_ channel: Channel) {
        channels[channel.id] = nil
        ids[Array(channel.topic.utf8)] = nil
    }
}
