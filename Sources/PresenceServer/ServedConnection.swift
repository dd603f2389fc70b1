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
            // A channel keeps what it read into; the request for a stream is the last that one of many thousands reads.
            let buffers = AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 1024, maximum: 65536)
            try channel.syncOptions?.setOption(.recvAllocator, value: buffers)
            let encoder = HTTPResponseEncoder()
            let decoder = ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: Self.decoderLimits))
            let codec = HTTP1ToHTTPServerCodec(secure: false)
            let state = HTTPConnectionStateHandler(idleTimeout: .init(idleTimeout), logger: logger)
            try channel.pipeline.syncOperations.addHandlers([encoder, decoder, codec, state])
            // Last, since from here on it answers for `served`.
            let gate = StreamGate(
                streams, decoder: decoder, others: [encoder, codec, state], served: served, logger: logger)
            try channel.pipeline.syncOperations.addHandler(gate, position: .after(codec))
            return Value(channel: channel, served: served.futureResult)
        }
        configured.whenFailure(served.fail)
        return configured
    }

    /// Hummingbird's limits, which are part of the contract; those of NIO are 2 MB a request.
    private static let decoderLimits: NIOHTTPDecoderLimitConfiguration = {
        let defaults = HTTP1Channel.Configuration.DecoderConfiguration()
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = defaults.maxHeaderFieldSize
        limits.maxHeaderListSize = defaults.maxHeaderListSize
        limits.maxHeaderFieldCount = defaults.maxHeaderFieldCount
        return limits
    }()

    func handle(value: Value, logger: Logger) async {
        let served = await withTaskCancellationHandler {
            try? await value.served.get()
        } onCancel: {
            value.channel.close(promise: nil)
        }
        guard let served else { return }
        await handleHTTP(asyncChannel: served, logger: logger)
    }
}
