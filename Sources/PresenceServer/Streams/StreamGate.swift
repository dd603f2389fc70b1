// Rollcall · PresenceServer

import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTPTypes

/// Answers a connection's request for a stream where it arrives, on the connection's loop, and lets the HTTP server have
/// every other.
///
/// What the server keeps for a connection (a task, whose stack never shrinks, decoders, queues) is several times what a
/// stream needs, and costs several changes of threads. So it gets a connection with its first request that is none for a
/// stream, and is made to leave one that asks for a stream later; a ``StreamConnection`` has the connection from there on.
final class StreamGate: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private enum State {
        /// No request has come yet.
        case new
        /// The server answers this many requests; then the stream begins that the client has asked for behind them.
        case serving(Int, next: OpenedStream?)
        /// The connection is a stream's, or is closed.
        case gone
    }

    private let responder: RollcallResponder
    private let logger: Logger
    private let connection: ConnectionHandler
    private let served: EventLoopPromise<ServedConnection.HTTPChannel?>
    private var state = State.new
    /// Whether the client has ended its direction behind its request for a stream.
    private var isInputClosed = false

    /// - Parameter served: Gets the connection as the server takes it, with the first request that is its own; nil when none
    ///   comes.
    init(
        _ responder: RollcallResponder, connection: ConnectionHandler,
        served: EventLoopPromise<ServedConnection.HTTPChannel?>, logger: Logger
    ) {
        self.responder = responder
        self.connection = connection
        self.served = served
        self.logger = logger
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (state, unwrapInboundIn(data)) {
        case (.gone, _), (.serving(_, next: .some), _):
            // Of the request for the stream, or behind it.
            return
        case (.new, .head(let head)):
            if let stream = opened(head, context) { return begin(stream, context) }
            serve(context)
        case (.serving(let count, next: nil), .head(let head)):
            guard let stream = opened(head, context) else {
                state = .serving(count + 1, next: nil)
                break
            }
            guard count > 0 else { return begin(stream, context) }
            state = .serving(count, next: stream)
            try? context.channel.syncOptions?.setOption(.autoRead, value: false)
            return
        case (.new, _), (.serving, _):
            break
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(data, promise: promise)
        guard case .end = unwrapOutboundIn(data), case .serving(let count, let next) = state else { return }
        state = .serving(count - 1, next: next)
        if count == 1, let next, !connection.isClosing { begin(next, context) }
    }

    private func opened(_ head: HTTPRequest, _ context: ChannelHandlerContext) -> OpenedStream? {
        var stream = responder.stream(for: head, on: context.channel, logger: logger)
        if connection.isHTTP10 { stream?.isChunked = false }
        return stream
    }

    /// Gives the connection to the server, which is to answer once.
    private func serve(_ context: ChannelHandlerContext) {
        state = .serving(1, next: nil)
        served.completeWith(
            Result {
                try ServedConnection.HTTPChannel(
                    wrappingChannelSynchronously: context.channel,
                    configuration: .init(isOutboundHalfClosureEnabled: true))
            })
    }

    private func begin(_ stream: OpenedStream, _ context: ChannelHandlerContext) {
        let isServed = if case .new = state { false } else { true }
        state = .gone
        // At the end of its input the server would wait for the connection's, at an error it leaves it.
        if isServed { context.fireErrorCaught(ChannelError.inputClosed) } else { served.succeed(nil) }
        stream.begin(on: context.channel)
        removeHandlers(context)
        if isInputClosed { context.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
    }

    /// The decoder may be in the middle of its work; it leaves the pipeline when that is done.
    private func removeHandlers(_ context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        let (decoder, others) = connection.release()
        pipeline.removeHandler(decoder).assumeIsolated().whenComplete { [self] _ in
            for handler in others { pipeline.removeHandler(handler, promise: nil) }
            pipeline.removeHandler(self, promise: nil)
        }
    }

    // MARK: Ends

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            switch state {
            case .new:
                return context.close(promise: nil)
            case .serving(_, next: .some):
                isInputClosed = true
                return
            case .serving, .gone:
                break
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .new: context.close(promise: nil)
        case .serving(_, next: nil): context.fireErrorCaught(error)
        case .serving(_, next: .some), .gone: break
        }
    }

    /// Of every connection, also of one that ends before it has begun.
    func handlerRemoved(context: ChannelHandlerContext) {
        if case .new = state { served.succeed(nil) }
        state = .gone
    }
}
