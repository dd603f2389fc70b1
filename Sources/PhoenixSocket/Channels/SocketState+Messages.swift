// Rollcall · PhoenixSocket

import Basics
import NIOCore

/// Messages of the client.
extension SocketState {
    /// The names that Phoenix gives to events and topics of its own.
    private enum Word {
        static let join = "phx_join"
        static let leave = "phx_leave"
        static let heartbeat = "heartbeat"
        /// The topic of the socket itself, which has no presences.
        static let socketTopic = "phoenix"
    }

    mutating func receive(_ frame: SocketFrame, _ now: NIODeadline, _ actions: inout [Action]) {
        liveness.hear(isMessage: true, at: now)
        guard budget.take(at: now) else { return finish(.flooding, &actions) }
        do throws(SocketError) {
            let message = try ClientMessage(frame, version: options.version)
            receive(message, &actions)
        } catch {
            finish(.faulty(error), &actions)
        }
    }

    mutating func receive(_ message: ClientMessage, _ actions: inout [Action]) {
        let name = Array(message.topic.utf8)
        guard message.topic != Word.socketTopic, let id = ids[name], let channel = channels[id] else {
            return receiveUnjoined(message, name, &actions)
        }
        if message.event == Word.join { return join(message, name, replacing: channel, &actions) }
        let joinRef = message.refs.joinRef
        // The client has joined again since it sent a message with another join_ref.
        guard joinRef.isNull || joinRef == channel.joinRef else { return }
        if message.event == Word.leave { return leave(channel, message, &actions) }
        if channel.isJoined { push(message, to: channel, &actions) } else { hold(message, id, &actions) }
    }

    /// A message on a topic without a channel, or on the topic of the socket.
    private mutating func receiveUnjoined(
        _ message: ClientMessage, _ name: [UInt8], _ actions: inout [Action]
    ) {
        let isOnSocket = message.topic == Word.socketTopic
        switch message.event {
        case Word.heartbeat where isOnSocket:
            let refs = MessageRefs(joinRef: .null, ref: message.refs.ref)
            actions.append(.send(.ok(refs, topic: message.topic)))
        case Word.join where !isOnSocket: join(message, name, replacing: nil, &actions)
        case Word.leave: actions.append(.send(.ok(message.refs, topic: message.topic)))
        default:
            let refs = MessageRefs(joinRef: .null, ref: message.refs.ref)
            actions.append(.send(.error(refs, topic: message.topic, reason: "unmatched topic")))
        }
    }

    // MARK: Changes

    private mutating func push(_ message: ClientMessage, to channel: Channel, _ actions: inout [Action]) {
        let (refs, topic) = (message.refs, message.topic)
        let change: PresenceChange
        do throws(InputError) {
            guard let known = try PresenceChange(message, limits: limits) else {
                return actions.append(.send(.error(refs, topic: topic, reason: "unknown event")))
            }
            change = known
        } catch {
            return actions.append(
                .send(.error(refs, topic: topic, reason: error.reason, detail: error.detail)))
        }
        guard channel.request.member != nil else {
            return actions.append(
                .send(.error(refs, topic: topic, reason: "no key", detail: "The join of this channel named no key.")))
        }
        // supabase answers with an empty response.
        let showsRef = message.event != "presence"
        let push = ChangeQueue.Push(refs: refs, showsRef: showsRef, size: message.size)
        switch channels[channel.id]?.changes.add(change, for: push) {
        case .begins: actions.append(.change(channel.id, change))
        case .waits, nil: break
        case .isRefused: actions.append(.send(.error(refs, topic: topic, reason: "too many messages wait")))
        }
    }

    mutating func endChange(_ id: ChannelID, _ outcome: ChangeOutcome, _ actions: inout [Action]) {
        guard let topic = channels[id]?.topic, let (answered, next) = channels[id]?.changes.finish() else { return }
        for push in answered {
            switch outcome {
            case .done(let ref):
                actions.append(.send(.ok(push.refs, topic: topic, ref: push.showsRef ? ref : nil)))
            case .failed(let reason):
                actions.append(.send(.error(push.refs, topic: topic, reason: reason)))
            }
        }
        if let next { actions.append(.change(id, next)) }
    }

    // MARK: Messages before the answer to a join

    /// Keeps a message until its channel has joined, because some clients do not wait for that.
    private mutating func hold(_ message: ClientMessage, _ id: ChannelID, _ actions: inout [Action]) {
        guard heldMessages < Self.maximumHeld, heldBytes + message.size <= Self.maximumHeldBytes else {
            let (refs, topic) = (message.refs, message.topic)
            return actions.append(.send(.error(refs, topic: topic, reason: "too many messages wait")))
        }
        heldMessages += 1
        heldBytes += message.size
        channels[id]?.held.append(message)
    }

    mutating func unhold(_ messages: [ClientMessage]) {
        heldMessages -= messages.count
        heldBytes -= messages.reduce(0) { $0 + $1.size }
    }
}
