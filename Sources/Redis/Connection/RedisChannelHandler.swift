// Rollcall · Redis

import NIOCore

/// The last handler of a channel for commands: carries out the actions of `RedisConnectionState`.
final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    typealias Caller = CheckedContinuation<Result<RedisValue, RedisError>, Never>
    typealias State = RedisConnectionState<Caller>

    private var reader: RedisReader
    private var firstBytes: RedisFirstBytesCheck
    private var state: State
    private let outbox: RedisOutbox<Caller>
    private let ready: EventLoopPromise<RedisSession>
    private let handshakeTimeout: TimeAmount
    private let commandTimeout: TimeAmount
    private var context: ChannelHandlerContext?
    private var handshakeTimer: Scheduled<Void>?
    /// Fires when the oldest command is due; replies do not move it, so a busy connection schedules few timers.
    private var deadlineTimer: Scheduled<Void>?
    private var lastRead = NIODeadline.uptimeNanoseconds(0)
    private var isFlushDue = false
    private var answeredCommands = 0
    private var answeredBytes = 0

    /// `ready` succeeds after the handshake, or fails with the error that ended it.
    init(
        url: RedisURL, options: RedisOptions, outbox: RedisOutbox<Caller>, ready: EventLoopPromise<RedisSession>
    ) throws(RedisError) {
        self.reader = try RedisReader(limits: options.replyLimits)
        self.firstBytes = RedisFirstBytesCheck(url: url, options: options)
        self.state = State(handshake: RedisHandshake(url: url, options: options, purpose: .commands))
        self.outbox = outbox
        self.ready = ready
        self.handshakeTimeout = TimeAmount(options.connectTimeout)
        self.commandTimeout = TimeAmount(options.commandTimeout)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        handshakeTimer = context.eventLoop.assumeIsolated().scheduleTask(in: handshakeTimeout) {
            let error = RedisError(.timeout, "the handshake took longer than \(self.handshakeTimeout)")
            self.end(self.firstBytes.explain(error))
        }
        if context.channel.isActive { begin(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(RedisError(.disconnected, "the connection was closed"))
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        lastRead = context.eventLoop.now
        do {
            try firstBytes.check(bytes)
            while state.isOpen, let value = try reader.next(&bytes) {
                perform(state.received(value))
            }
        } catch {
            end(error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flushIfWritten(context)
        releaseAnswered()
        if state.isDrained { perform(state.drain()) }
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        let place = reader.isInsideReply ? " in the middle of a reply" : ""
        end(firstBytes.explain(RedisError(.disconnected, "Redis closed the connection" + place)))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(firstBytes.explain(error))
    }

    /// Writes the requests of the outbox, or fails them as `.unavailable` when the connection has ended.
    func sendOutbox() {
        let (bytes, requests) = outbox.take()
        guard !requests.isEmpty else { return }
        guard let context, state.isOpen else {
            let error = RedisError(.unavailable, "the connection has ended")
            for request in requests { finish(request, .failure(error)) }
            return
        }
        let deadline = context.eventLoop.now + commandTimeout
        for request in requests { state.sent(request, deadline: deadline) }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        watchDeadline(context)
    }

    /// Refuses new requests, and closes the channel once all sent ones are answered or overdue.
    func drain() {
        outbox.close(State.shutDown)
        sendOutbox()
        perform(state.drain())
    }

    private func begin(_ context: ChannelHandlerContext) {
        perform(state.opened())
        flushIfWritten(context)
    }

    private func perform(_ action: State.Action) {
        switch action {
        case .wait:
            break
        case .write(let commands):
            write(commands)
        case .offer(let session):
            handshakeTimer?.cancel()
            ready.succeed(session)
        case .finish(let request, let result):
            finish(request, result)
        case .finishAndClose(let request, let result, let error):
            finish(request, result)
            end(error)
        case .close(let error):
            end(error)
        }
    }

    private func write(_ commands: [RedisCommand]) {
        guard let context else { return }
        var bytes = context.channel.allocator.buffer(capacity: commands.reduce(0) { $0 + $1.encodedSize })
        for command in commands { command.encode(into: &bytes) }
        context.write(wrapOutboundOut(bytes), promise: nil)
        isFlushDue = true
    }

    private func flushIfWritten(_ context: ChannelHandlerContext) {
        guard isFlushDue else { return }
        isFlushDue = false
        context.flush()
    }

    private func finish(_ request: RedisRequest<Caller>, _ result: Result<RedisValue, RedisError>) {
        answeredCommands += request.count
        answeredBytes += request.size
        request.caller.resume(returning: result)
    }

    private func releaseAnswered() {
        guard answeredCommands > 0 else { return }
        outbox.release(commands: answeredCommands, bytes: answeredBytes)
        answeredCommands = 0
        answeredBytes = 0
    }

    /// Fails all waiting requests in order and closes the channel; only the first call has an effect.
    private func end(_ error: RedisError) {
        guard state.isOpen else { return }
        outbox.close(error)
        let sent = state.closed()
        let reason =
            error.hasUnknownOutcome
            ? error : RedisError(.disconnected, "the connection was given up: \(error)")
        for request in sent { finish(request, .failure(reason)) }
        sendOutbox()
        handshakeTimer?.cancel()
        deadlineTimer?.cancel()
        ready.fail(error)
        context?.close(promise: nil)
    }

    /// When the oldest command times out.
    ///
    /// Bytes that arrive delay it, for large replies on a slow path, by 15 command time-outs at most.
    private var nextDeadline: NIODeadline? {
        state.nextDeadline.map { min(max($0, lastRead + commandTimeout), $0 + commandTimeout * 15) }
    }

    private func watchDeadline(_ context: ChannelHandlerContext) {
        guard deadlineTimer == nil, let deadline = nextDeadline else { return }
        deadlineTimer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.deadlineTimer = nil
            guard let due = self.nextDeadline else { return }
            if due <= context.eventLoop.now {
                self.end(RedisError(.timeout, "Redis did not reply within \(self.commandTimeout)"))
            } else {
                self.watchDeadline(context)
            }
        }
    }
}
