// Rollcall · PresenceServer

import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// A connection of the HTTP server: a ``ConnectionHandler`` where ``HTTP1Channel`` has an encoder, a codec and time-outs, and
/// a ``StreamGate`` behind it.
struct ServedConnection: HTTPChannelHandler {
    typealias HTTPChannel = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        /// Nil when no request came that was the server's.
        let served: EventLoopFuture<HTTPChannel?>
    }

    let responder: HTTPChannelHandler.Responder
    /// Answers requests for streams, and those that are refused.
    let routes: RollcallResponder
    let times: ConnectionTimes
    let budget: BodyBudget

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let served = channel.eventLoop.makePromise(of: HTTPChannel?.self)
        let configured = channel.eventLoop.makeCompletedFuture {
            // A channel keeps what it read into; the request for a stream is the last that one of many thousands reads.
            let buffers = AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 1024, maximum: 65536)
            try channel.syncOptions?.setOption(.recvAllocator, value: buffers)
            let connection = ConnectionHandler(routes, times: times, budget: budget, logger: logger)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandlers(connection.handlers)
            // Last, since from here on it answers for `served`.
            try pipeline.addHandler(StreamGate(routes, connection: connection, served: served, logger: logger))
            return Value(channel: channel, served: served.futureResult)
        }
        configured.whenFailure(served.fail)
        return configured
    }

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
