// Rollcall · PresenceServer

import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// A connection of the HTTP server, as ``HTTP1Channel`` sets one up, with a ``StreamGate`` in it.
struct ServedConnection: HTTPChannelHandler {
    typealias HTTPChannel = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        /// Nil when no request came that was the server's.
        let served: EventLoopFuture<HTTPChannel?>
    }

    let responder: HTTPChannelHandler.Responder
    /// Who answers requests for streams.
    let streams: RollcallResponder
    let idleTimeout: TimeAmount

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let served = channel.eventLoop.makePromise(of: HTTPChannel?.self)
        let configured = channel.eventLoop.makeCompletedFuture {
            let state = HTTPConnectionStateHandler(idleTimeout: .init(idleTimeout), logger: logger)
            let codec: [any RemovableChannelHandler] = [
                ByteToMessageHandler(HTTPRequestDecoder()), HTTPResponseEncoder(),
                HTTP1ToHTTPServerCodec(secure: false),
            ]
            // A channel keeps what it read into; the request for a stream is the last that one of many thousands reads.
            let buffers = AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 1024, maximum: 65536)
            try channel.syncOptions?.setOption(.recvAllocator, value: buffers)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandlers(codec)
            try pipeline.addHandler(StreamGate(streams, codec: codec + [state], served: served, logger: logger))
            try pipeline.addHandler(state)
            return Value(channel: channel, served: served.futureResult)
        }
        configured.whenFailure(served.fail)
        return configured
    }

    func handle(value: Value, logger: Logger) async {
        guard let channel = try? await value.served.get() else { return }
        await handleHTTP(asyncChannel: channel, logger: logger)
    }
}
