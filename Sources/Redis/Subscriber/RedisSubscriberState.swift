// Rollcall · Redis

import DequeModule
import NIOCore

/// The channels that are wanted, and those that Redis has acknowledged; pure.
///
/// At most one command for a channel is on its way: a later change waits for the acknowledgement. So the number of
/// channels bounds the waiting commands, and each acknowledgement has one meaning.
struct RedisSubscriberState: Sendable {
    private enum Standing: Sendable {
        /// → subscribing
        case off
        /// → on
        case subscribing
        /// → unsubscribing
        case on
        /// → off
        case unsubscribing
    }

    private struct Subscription: Sendable {
        var isWanted: Bool
        var standing: Standing
    }

    /// The result of an acknowledgement.
    struct Outcome: Sendable {
        var isSubscribed = false
        var command: RedisCommand?
    }

    /// Channels in one command: so few that their acknowledgements are no burst.
    private static let groupSize = 500

    private var subscriptions: [ByteBuffer: Subscription] = [:]
    /// The channels that Redis must still acknowledge, in the order of the commands.
    private var awaited: Deque<ByteBuffer> = []
    private(set) var isConnected = false
    /// The number of acknowledgements on this and all earlier connections.
    private(set) var acknowledgements = 0

    /// Whether Redis owes an acknowledgement.
    var isWaiting: Bool { !awaited.isEmpty }

    func isSubscribed(to channel: ByteBuffer) -> Bool {
        subscriptions[channel]?.standing == .on
    }

    /// Adds a wanted channel; returns the command to send now, if there is one.
    mutating func subscribe(_ channel: ByteBuffer) -> RedisCommand? {
        subscriptions[channel, default: Subscription(isWanted: true, standing: .off)].isWanted = true
        return command(for: channel)
    }

    /// Removes a wanted channel; returns the command to send now, if there is one.
    mutating func unsubscribe(_ channel: ByteBuffer) -> RedisCommand? {
        guard subscriptions[channel] != nil else { return nil }
        subscriptions[channel]?.isWanted = false
        return command(for: channel)
    }

    /// Begins a new connection; returns the commands that subscribe to all wanted channels.
    mutating func connected() -> [RedisCommand] {
        isConnected = true
        let channels = Array(subscriptions.keys)
        for channel in channels { subscriptions[channel]?.standing = .subscribing }
        awaited.append(contentsOf: channels)
        return stride(from: 0, to: channels.count, by: Self.groupSize).map { start in
            let group = channels[start..<min(start + Self.groupSize, channels.count)]
            return RedisCommand("SUBSCRIBE", group.map { .buffer($0) })
        }
    }

    mutating func disconnected() {
        isConnected = false
        awaited.removeAll()
        subscriptions = subscriptions.filter(\.value.isWanted).mapValues { _ in
            Subscription(isWanted: true, standing: .off)
        }
    }

    /// Takes an acknowledgement; throws `.protocolViolation` when it is not the one that is due.
    mutating func acknowledged(_ channel: ByteBuffer, isSubscription: Bool) throws(RedisError) -> Outcome {
        let standing = subscriptions[channel]?.standing
        guard awaited.popFirst() == channel, standing == (isSubscription ? .subscribing : .unsubscribing) else {
            throw RedisError(.protocolViolation, "an acknowledgement that was not due")
        }
        acknowledgements += 1
        subscriptions[channel]?.standing = isSubscription ? .on : .off
        let command = command(for: channel)
        return Outcome(isSubscribed: isSubscription && command == nil, command: command)
    }

    /// Moves the standing of a channel one step nearer to the wanted one, unless a command is on its way.
    private mutating func command(for channel: ByteBuffer) -> RedisCommand? {
        guard let subscription = subscriptions[channel] else { return nil }
        switch (subscription.standing, subscription.isWanted) {
        case (.off, true):
            guard isConnected else { return nil }
            subscriptions[channel]?.standing = .subscribing
            awaited.append(channel)
            return RedisCommand("SUBSCRIBE", [.buffer(channel)])
        case (.on, false):
            subscriptions[channel]?.standing = .unsubscribing
            awaited.append(channel)
            return RedisCommand("UNSUBSCRIBE", [.buffer(channel)])
        case (.off, false):
            subscriptions[channel] = nil
            return nil
        case (.on, true), (.subscribing, _), (.unsubscribing, _):
            return nil
        }
    }
}
