// Rollcall · Redis

import NIOCore

/// Reads one pub/sub connection: the handshake, then all later replies.
final class RedisSubscriberHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var reader: RedisReader
    private var firstBytes: RedisFirstBytesCheck
    private var handshake: RedisHandshake?
    private let timeout: TimeAmount
    private let ready: EventLoopPromise<Void>
    private let onReply: (RedisValue) throws(RedisError) -> Void
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private(set) var endReason: RedisError?

    /// `onReply` gets each reply after the handshake; an error that it throws ends the connection.
    init(
        url: RedisURL, options: RedisOptions, ready: EventLoopPromise<Void>,
        onReply: @escaping (RedisValue) throws(RedisError) -> Void
    ) throws(RedisError) {
        self.reader = try RedisReader(limits: options.replyLimits)
        self.firstBytes = RedisFirstBytesCheck(url: url, options: options)
        self.handshake = RedisHandshake(url: url, options: options, purpose: .messages)
        self.timeout = TimeAmount(options.connectTimeout)
        self.ready = ready
        self.onReply = onReply
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
            let error = RedisError(.timeout, "the handshake took longer than \(self.timeout)")
            self.end(self.firstBytes.explain(error))
        }
        if context.channel.isActive { begin() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(RedisError(.disconnected, "the connection was closed"))
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        begin()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        do throws(RedisError) {
            try firstBytes.check(bytes)
            while endReason == nil, let value = try reader.next(&bytes) {
                try receive(value)
            }
        } catch {
            end(error)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(firstBytes.explain(RedisError(.disconnected, "Redis closed the connection")))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(firstBytes.explain(error))
    }

    func write(_ bytes: ByteBuffer) {
        context?.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    /// Closes the channel; only the first reason counts.
    func end(_ reason: RedisError) {
        guard endReason == nil else { return }
        endReason = reason
        timer?.cancel()
        ready.fail(reason)
        context?.close(promise: nil)
    }

    private func begin() {
        write(handshake?.start() ?? [])
    }

    private func receive(_ value: RedisValue) throws(RedisError) {
        guard let progress = handshake?.received(value) else { return try onReply(value) }
        switch progress {
        case .wait: break
        case .send(let commands): write(commands)
        case .failed(let error): throw error
        case .done:
            handshake = nil
            timer?.cancel()
            ready.succeed()
        }
    }

    private func write(_ commands: [RedisCommand]) {
        var bytes = ByteBuffer()
        for command in commands { command.encode(into: &bytes) }
        write(bytes)
    }
}
