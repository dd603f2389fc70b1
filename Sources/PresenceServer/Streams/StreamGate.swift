// Rollcall · PresenceServer

import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTPTypes

/// Begins streams and sockets on the connection's own loop, and forwards all other requests to the HTTP server.
///
/// The server keeps a task (its stack never shrinks), decoders and queues for a connection. That is several times what
/// a stream needs, and costs several thread changes. So the server gets a connection only with the first request that
/// is not for a stream. It leaves the connection when a later request is for a stream, and a ``StreamConnection`` takes
/// it over. A stream with a ticket begins when Redis has answered; the gate then also answers a ticket that is refused.
final class StreamGate: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private enum State {
        /// No request has come yet.
        case new
        /// The server answers this many requests; when its answers are sent, the stream `next` is opened, if the client
        /// has requested one.
        case serving(Int, next: StreamOffer?)
        /// The ticket of a stream is looked up.
        case opening(isServed: Bool)
        /// A stream has the connection, or the connection is closed or about to be.
        case gone
    }

    private let responder: RollcallResponder
    private let logger: Logger
    private let connection: ConnectionHandler
    private let served: EventLoopPromise<ServedConnection.HTTPChannel?>
    private var state = State.new
    /// Whether the client has closed its direction behind its request for a stream.
    private var isInputClosed = false
    /// Looks up the ticket of a stream.
    private var opening: Task<Void, Never>?

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
        case (.gone, _), (.opening, _), (.serving(_, next: .some), _):
            // A part of the request for the stream, or of a request behind it.
            return
        case (.new, .head(let head)):
            if let offer = findOffer(head, context) { return open(offer, context) }
            serve(context)
        case (.serving(let count, next: nil), .head(let head)):
            guard let offer = findOffer(head, context) else {
                state = .serving(count + 1, next: nil)
                break
            }
            state = .serving(count, next: offer)
            if case .socket = offer { connection.expectFrames() }
            stopReading(context)
            if count == 0 { openWhenSent(context) }
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
        if count == 1, next != nil { openWhenSent(context) }
    }

    /// Opens the stream that is next when the answers before it are sent.
    ///
    /// It may end as it begins, which closes the connection.
    private func openWhenSent(_ context: ChannelHandlerContext) {
        connection.whenSent(in: context.pipeline.syncOperations) { self.openNext(after: $0, context) }
    }

    private func openNext(after sent: Result<Void, any Error>, _ context: ChannelHandlerContext) {
        guard case .serving(0, let next?) = state, !connection.isClosing else { return }
        // Without its answers the client gets no stream either, and its ticket must stay unused.
        guard case .success = sent else { return context.close(promise: nil) }
        open(next, context)
    }

    private func findOffer(_ head: HTTPRequest, _ context: ChannelHandlerContext) -> StreamOffer? {
        responder.stream(
            for: head, isChunked: !connection.isHTTP10, offersUpgrade: connection.offersUpgrade, on: context.channel,
            logger: logger)
    }

    private func stopReading(_ context: ChannelHandlerContext) {
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
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

    /// Whether the server has the connection.
    private var isServed: Bool {
        switch state {
        case .new, .opening(isServed: false): false
        case .serving, .opening(isServed: true), .gone: true
        }
    }

    private func open(_ offer: StreamOffer, _ context: ChannelHandlerContext) {
        switch offer {
        case .opened(let stream): begin(context, stream.begin(on:))
        case .socket(let socket):
            connection.expectFrames()
            begin(context, socket.begin(on:))
        case .awaited(let find):
            state = .opening(isServed: isServed)
            stopReading(context)
            let answer = context.eventLoop.makePromise(of: StreamAnswer.self)
            opening = answer.completeWithTask(find)
            answer.futureResult.assumeIsolated().whenComplete { self.finishOpening($0, context) }
        }
    }

    private func finishOpening(_ answer: Result<StreamAnswer, any Error>, _ context: ChannelHandlerContext) {
        opening = nil
        // The client may have gone meanwhile.
        guard case .opening = state, !connection.isClosing else { return }
        switch answer {
        case .success(.stream(let stream)) where !isInputClosed: begin(context, stream.begin(on:))
        case .success(.stream): context.close(promise: nil)
        case .success(.refusal(let head, body: let body)): refuse(head, body, context)
        case .failure(let error):
            logger.debug("http: connection ended within a request", metadata: ["error": "\(error)"])
            context.close(promise: nil)
        }
    }

    /// Answers the request for a stream; the connection then closes, because requests behind it were dropped.
    private func refuse(_ head: HTTPResponse, _ body: [ByteBuffer], _ context: ChannelHandlerContext) {
        if !isServed { served.succeed(nil) }
        state = .gone
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        for bytes in body { context.write(wrapOutboundOut(.body(bytes)), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// Gives the connection to a stream or a socket.
    private func begin(_ context: ChannelHandlerContext, _ begin: (any Channel) -> Void) {
        let isServed = isServed
        state = .gone
        // At an error the server leaves the connection. At the end of its input it would wait for the connection to
        // close.
        if isServed { context.fireErrorCaught(ChannelError.inputClosed) } else { served.succeed(nil) }
        begin(context.channel)
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
            case .serving(_, next: .some), .opening:
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
        case .new, .opening: context.close(promise: nil)
        case .serving(_, next: nil): context.fireErrorCaught(error)
        case .serving(_, next: .some), .gone: break
        }
    }

    /// Called for every connection, also for one that closes before its first request.
    func handlerRemoved(context: ChannelHandlerContext) {
        if !isServed { served.succeed(nil) }
        state = .gone
        opening?.cancel()
    }
}
