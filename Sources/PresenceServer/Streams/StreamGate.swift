// Rollcall · PresenceServer

import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTPTypes

/// Begins streams on the connection's own loop, and forwards all other requests to the HTTP server.
///
/// The server keeps a task (its stack never shrinks), decoders and queues for a connection. That is several times what
/// a stream needs, and costs several thread changes. So the server gets a connection only with the first request that
/// is not for a stream. It leaves the connection when a later request is for a stream, and a ``StreamConnection`` takes
/// it over.
final class StreamGate: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private enum State {
        /// No request has come yet.
        case new
        /// The server answers this many requests; then the stream `next` begins, if the client has requested one.
        case serving(Int, next: OpenedStream?)
        /// A stream has the connection, or the connection is closed.
        case gone
    }

    private let responder: RollcallResponder
    private let logger: Logger
    private let connection: ConnectionHandler
    private let served: EventLoopPromise<ServedConnection.HTTPChannel?>
    private var state = State.new
    /// Whether the client has closed its direction behind its request for a stream.
    private var isInputClosed = false

    /// - Parameter served: Completes with the connection at the first request that is not for a stream; with nil if
    ///   none comes.
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
            // A part of the request for the stream, or of a request behind it.
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

    /// Gives the connection to the server, with one request to answer.
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
        // At an error the server leaves the connection. At the end of its input it would wait for the connection to
        // close.
        if isServed { context.fireErrorCaught(ChannelError.inputClosed) } else { served.succeed(nil) }
        stream.begin(on: context.channel)
        removeHandlers(context)
        if isInputClosed { context.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
    }

    /// Removes the decoder, which first finishes its current read, then the other HTTP handlers and this one.
    private func removeHandlers(_ context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        let (decoder, codecHandlers) = connection.release()
        pipeline.removeHandler(decoder).assumeIsolated().whenComplete { [self] _ in
            for handler in codecHandlers { pipeline.removeHandler(handler, promise: nil) }
            pipeline.removeHandler(self, promise: nil)
        }
    }

    // MARK: End of input and errors

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

    /// Called for every connection, also for one that closes before its first request.
    func handlerRemoved(context: ChannelHandlerContext) {
        if case .new = state { served.succeed(nil) }
        state = .gone
    }
}
