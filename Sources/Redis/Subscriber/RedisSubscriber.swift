// Rollcall · Redis

package import Logging
package import NIOCore
import ServiceLifecycle
import Synchronization

/// The one connection of a node that receives messages; it reconnects by itself and subscribes to all channels again.
///
/// Callbacks run on one event loop, in the order of the replies, never under a lock.
package final class RedisSubscriber: Service, Sendable {
    private struct Contents: Sendable {
        var state = RedisSubscriberState()
        var probe: RedisProbe
        /// Encoded commands for the next flush, at most one for each channel.
        var unsent = ByteBuffer()
        var isFlushDue = false
        /// Whether Redis has acknowledged a channel on the current connection.
        var isAcknowledged = false

        /// Adds commands to the next flush; returns true when the caller must schedule it.
        mutating func enqueue(_ commands: [RedisCommand]) -> Bool {
            guard !commands.isEmpty else { return false }
            for command in commands { command.encode(into: &unsent) }
            defer { isFlushDue = true }
            return !isFlushDue
        }
    }

    private static let messageKind = ByteBuffer(string: "message")
    private static let subscribeKind = ByteBuffer(string: "subscribe")
    private static let unsubscribeKind = ByteBuffer(string: "unsubscribe")

    private let url: RedisURL
    private let options: RedisOptions
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let pool: RedisPool?
    private let probeChannel: ByteBuffer
    private let onMessage: @Sendable (_ channel: ByteBuffer, _ payload: ByteBuffer) -> Void
    private let onEvent: @Sendable (SubscriberEvent) -> Void
    private let contents: Mutex<Contents>
    private let handler: NIOLoopBoundBox<RedisSubscriberHandler?>

    /// Opens no connection; ``run()`` does.
    ///
    /// With a `probe`, our own messages are published through that pool. When they do not arrive, the connection is
    /// replaced, even if it looks alive.
    package init(
        url: RedisURL, options: RedisOptions, eventLoopGroup: any EventLoopGroup, logger: Logger, probe: RedisPool?,
        onMessage: @escaping @Sendable (_ channel: ByteBuffer, _ payload: ByteBuffer) -> Void,
        onEvent: @escaping @Sendable (SubscriberEvent) -> Void = { _ in }
    ) {
        self.url = url
        self.options = options
        self.eventLoop = eventLoopGroup.next()
        self.logger = logger
        self.pool = probe
        self.onMessage = onMessage
        self.onEvent = onEvent
        self.handler = NIOLoopBoundBox.makeEmptyBox(valueType: RedisSubscriberHandler.self, eventLoop: eventLoop)
        let channel = options.probePrefix + String(UInt64.random(in: .min ... .max), radix: 16)
        let probe = RedisProbe(channel: channel, timeout: TimeAmount(options.probeTimeout))
        self.probeChannel = probe.channel
        self.contents = Mutex(Contents(probe: probe))
    }

    /// Keeps the connection up until graceful shutdown or cancellation.
    ///
    /// Throws only when the settings can never work.
    package func run() async throws {
        let connector = try RedisConnector(url: url, options: options)
        if pool != nil { change { $0.subscribe(self.probeChannel) } }
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.keepConnected(connector) }
                if let pool = self.pool { group.addTask { await self.keepProbing(pool) } }
            }
        }
    }

    /// Subscribes to a channel, also after reconnects; `onEvent` gets `.subscribed` when Redis has acknowledged it.
    package func subscribe(_ channel: String) {
        change { $0.subscribe(ByteBuffer(string: channel)) }
    }

    /// Unsubscribes from a channel; messages that are on their way may still arrive.
    package func unsubscribe(_ channel: String) {
        change { $0.unsubscribe(ByteBuffer(string: channel)) }
    }

    private func change(_ change: (inout RedisSubscriberState) -> RedisCommand?) {
        let mustFlush = contents.withLock { contents in
            guard let command = change(&contents.state) else { return false }
            return contents.enqueue([command])
        }
        if mustFlush { eventLoop.execute { self.flush() } }
    }
}

// MARK: - The connection

extension RedisSubscriber {
    private func keepConnected(_ connector: RedisConnector) async {
        var attempts = RedisAttempts(backoff: options.backoff)
        while !Task.isCancelled {
            let start = ContinuousClock.now
            var lived = Duration.zero
            let reason: RedisError
            do throws(RedisError) {
                let (channel, handler) = try await connector.subscribe(on: eventLoop) { value throws(RedisError) in
                    try self.received(value)
                }
                reason = await use(channel, handler)
                lived = start.duration(to: .now)
            } catch {
                reason = error
            }
            guard !Task.isCancelled else { return }
            let pause = attempts.pause(after: reason, lived: lived)
            let trouble = trouble(reason)
            pool?.noteMessageTrouble(trouble)
            // The pool's trouble log has the lines of all other troubles.
            let isLoggedHere = pool == nil || trouble.kind == .unreachable
            logger.log(
                level: attempts.deservesWarning && isLoggedHere ? .warning : .debug,
                "redis: \(lived > .zero ? "subscriber connection lost" : "subscriber cannot connect")",
                metadata: ["redis": "\(url)", "reason": "\(reason)", "attempt": "\(attempts.failures)"])
            try? await Task.sleep(for: pause)
        }
    }

    private func trouble(_ error: RedisError) -> RedisTrouble {
        let trouble = RedisTrouble(error)
        guard trouble.kind == .rights else { return trouble }
        return RedisTrouble(
            .rights,
            "NOPERM: the user of \(options.urlName) may not SUBSCRIBE to the channels of this deployment: \(error.message)"
        )
    }

    /// Uses a ready connection until its end, and returns the reason of the end.
    private func use(_ channel: any Channel, _ handler: NIOLoopBound<RedisSubscriberHandler>) async -> RedisError {
        let began = eventLoop.submit { self.began(handler.value) }
        return await withTaskCancellationHandler {
            try? await began.get()
            try? await channel.closeFuture.get()
            let reason = try? await eventLoop.submit { self.ended(handler.value) }.get()
            return reason ?? RedisError(.disconnected, "the event loop has ended")
        } onCancel: {
            eventLoop.execute { handler.value.end(RedisError(.disconnected, "the client is shutting down")) }
        }
    }

    private func began(_ handler: RedisSubscriberHandler) {
        self.handler.value = handler
        onEvent(.connected)
        contents.withLock { contents in
            contents.probe.restart()
            contents.unsent.clear()
            contents.isAcknowledged = false
            _ = contents.enqueue(contents.state.connected())
        }
        flush()
        watch(handler, acknowledged: nil)
    }

    private func ended(_ handler: RedisSubscriberHandler) -> RedisError {
        self.handler.value = nil
        contents.withLock { contents in
            contents.state.disconnected()
            contents.unsent.clear()
        }
        onEvent(.disconnected)
        return handler.endReason ?? RedisError(.disconnected, "the connection was closed")
    }

    private func flush() {
        let bytes = contents.withLock { contents in
            contents.isFlushDue = false
            defer { contents.unsent = ByteBuffer() }
            return contents.unsent
        }
        if bytes.readableBytes > 0 { handler.value?.write(bytes) }
    }

    private func received(_ value: RedisValue) throws(RedisError) {
        guard case .array(let elements) = value, elements.count == 3,
            case .bulk(let kind) = elements[0], case .bulk(let channel) = elements[1]
        else {
            _ = try value.get()
            throw RedisError(.protocolViolation, "a reply that is no message")
        }
        if kind == Self.messageKind, case .bulk(let payload) = elements[2] {
            guard channel == probeChannel else { return onMessage(channel, payload) }
            contents.withLock { $0.probe.received(payload) }
        } else if kind == Self.subscribeKind {
            try acknowledged(channel, isSubscription: true)
        } else if kind == Self.unsubscribeKind {
            try acknowledged(channel, isSubscription: false)
        } else {
            throw RedisError(.protocolViolation, "a message of an unknown kind")
        }
    }

    private func acknowledged(_ channel: ByteBuffer, isSubscription: Bool) throws(RedisError) {
        let (isSubscribed, isFirst, mustFlush) = try contents.withLock { contents throws(RedisError) in
            let outcome = try contents.state.acknowledged(channel, isSubscription: isSubscription)
            let isFirst = isSubscription && !contents.isAcknowledged
            if isFirst { contents.isAcknowledged = true }
            return (outcome.isSubscribed, isFirst, contents.enqueue(outcome.command.map { [$0] } ?? []))
        }
        if mustFlush { eventLoop.execute { self.flush() } }
        if isFirst { pool?.noteMessageTrouble(nil) }
        if isSubscribed, channel != probeChannel { onEvent(.subscribed(channel: channel)) }
    }
}

// MARK: - Liveness

extension RedisSubscriber {
    /// Checks once per command time-out whether Redis still acknowledges, and whether probes still arrive.
    ///
    /// - Parameter acknowledged: The number of acknowledgements at the last check, if some were due then.
    private func watch(_ handler: RedisSubscriberHandler, acknowledged: Int?) {
        eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(options.commandTimeout)) {
            guard handler.endReason == nil else { return }
            let (waitsAfter, isProbeOverdue) = self.contents.withLock { contents in
                (
                    contents.state.isWaiting ? contents.state.acknowledgements : nil,
                    contents.probe.isOverdue(at: .now())
                )
            }
            if let waitsAfter, waitsAfter == acknowledged {
                handler.end(RedisError(.timeout, "Redis does not acknowledge a subscription"))
            } else if isProbeOverdue {
                handler.end(RedisError(.timeout, "messages do not come any more"))
            } else {
                self.watch(handler, acknowledged: waitsAfter)
            }
        }
    }

    private func keepProbing(_ pool: RedisPool) async {
        while (try? await Task.sleep(for: options.probeInterval)) != nil {
            let number = contents.withLock { contents in
                contents.state.isSubscribed(to: probeChannel) ? contents.probe.next() : nil
            }
            guard let number, let connection = try? pool.connection() else { continue }
            let start = NIODeadline.now()
            let publish = RedisCommand("PUBLISH", [.buffer(probeChannel), .integer(number)])
            do throws(RedisError) {
                _ = try await connection.send(publish)
            } catch {
                // A Redis that does not answer the pool hangs, and sends no messages either.
                guard error.code == .timeout else { continue }
            }
            contents.withLock { $0.probe.published(number, at: start) }
        }
    }
}

/// An event of a subscriber's connection.
package enum SubscriberEvent: Sendable, Hashable {
    case connected
    /// Messages are lost from here on until a channel is `subscribed` again.
    case disconnected
    /// Redis acknowledged the channel: every message published from now on arrives.
    ///
    /// Sent again after each reconnect, and after an `unsubscribe` and a new `subscribe`.
    case subscribed(channel: ByteBuffer)
}
