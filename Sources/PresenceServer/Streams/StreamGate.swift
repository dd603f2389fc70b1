// Rollcall · PresenceServer

import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Answers a connection's request for a stream where it arrives, on the connection's loop, and lets the HTTP server have
/// every other.
///
/// What the server keeps for a connection (a task, whose stack never shrinks, decoders, queues) is several times what a
/// stream needs, and costs several changes of threads. So it gets a connection with its first request that is none for a
/// stream; and one that asks for a stream holds nothing but a ``StreamConnection`` from there on.
final class StreamGate: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private enum State {
        /// No request has come yet.
        case new
        /// The server answers this many requests, and is then to be asked for the next.
        case serving(Int)
        /// The same, and the client has asked for a stream before it had all answers.
        case asked(OpenedStream, after: Int)
        /// The connection is a stream's, or is closed.
        case gone
    }

    private let responder: RollcallResponder
    private let logger: Logger
    /// What is to be removed when the connection is a stream's, in this order.
    private let codec: [any RemovableChannelHandler]
    private let served: EventLoopPromise<ServedConnection.HTTPChannel?>
    private var state = State.new

    /// - Parameter served: Gets the connection as the server takes it, with the first request that is its own; nil when none
    ///   comes.
    init(
        _ responder: RollcallResponder, codec: [any RemovableChannelHandler],
        served: EventLoopPromise<ServedConnection.HTTPChannel?>, logger: Logger
    ) {
        self.responder = responder
        self.codec = codec
        self.served = served
        self.logger = logger
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else {
            switch state {
            case .new, .serving: context.fireChannelRead(data)
            // Of the request for the stream, or after it.
            case .asked, .gone: return
            }
            return
        }
        switch state {
        case .new:
            if let stream = opened(head, context) { return begin(stream, context) }
            serve(context)
            state = .serving(1)
            context.fireChannelRead(data)
        case .serving(let count):
            guard let stream = opened(head, context) else {
                state = .serving(count + 1)
                return context.fireChannelRead(data)
            }
            guard count > 0 else { return begin(stream, context) }
            state = .asked(stream, after: count)
            try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        case .asked, .gone:
            break
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(data, promise: promise)
        guard case .end = unwrapOutboundIn(data) else { return }
        switch state {
        case .serving(let count):
            state = .serving(count - 1)
        case .asked(let stream, after: 1):
            begin(stream, context)
        case .asked(let stream, let count):
            state = .asked(stream, after: count - 1)
        case .new, .gone:
            break
        }
    }

    private func opened(_ head: HTTPRequest, _ context: ChannelHandlerContext) -> OpenedStream? {
        responder.stream(for: head, on: context.channel, logger: logger)
    }

    /// Gives the connection to the server.
    private func serve(_ context: ChannelHandlerContext) {
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
        // A server that has had requests is told that no more will come.
        if isServed { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) } else { served.succeed(nil) }
        stream.begin(on: context.channel)
        removeCodec(context)
    }

    /// The decoder goes last of all what it may be in the middle of; then the rest, which it would hand its bytes to.
    private func removeCodec(_ context: ChannelHandlerContext) {
        guard let decoder = codec.first else { return }
        let pipeline = context.pipeline.syncOperations
        pipeline.removeHandler(decoder).assumeIsolated().whenComplete { [self] _ in
            for handler in codec.dropFirst() { pipeline.removeHandler(handler, promise: nil) }
            pipeline.removeHandler(self, promise: nil)
        }
    }

    // MARK: Ends

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            switch state {
            case .new:
                return context.close(promise: nil)
            case .asked(_, let count):
                // Its client is gone before it began.
                state = .serving(count)
            case .serving, .gone:
                break
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .new:
            // The server answers what is no HTTP, too.
            serve(context)
            state = .serving(1)
            context.fireErrorCaught(error)
        case .serving: context.fireErrorCaught(error)
        case .asked, .gone: break
        }
    }

    /// Of every connection, also of one that ends before it has begun.
    func handlerRemoved(context: ChannelHandlerContext) {
        if case .new = state { served.succeed(nil) }
        state = .gone
    }
}
