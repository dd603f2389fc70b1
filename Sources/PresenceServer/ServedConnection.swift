// Rollcall · PresenceServer

import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOSSL

/// Sets up a connection of the HTTP server.
///
/// A ``ConnectionHandler`` replaces the encoder, the codec and the time-outs of ``HTTP1Channel``. A ``StreamGate`` is
/// behind it. TLS, if the node speaks it, stands before all other handlers.
struct ServedConnection: HTTPChannelHandler {
    typealias HTTPChannel = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        /// Nil if the connection ended or became a stream's before the server got a request.
        let served: EventLoopFuture<HTTPChannel?>
    }

    let responder: HTTPChannelHandler.Responder
    /// Opens streams, and answers refused requests.
    let routes: RollcallResponder
    let times: ConnectionTimes
    let budget: BodyBudget
    /// The certificate of new connections; nil for HTTP in clear text.
    var tls: ServerTLS?
    /// The places of all connections; nil gives every connection a regular one.
    var places: ConnectionPlaces?

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let served = channel.eventLoop.makePromise(of: HTTPChannel?.self)
        let configured = channel.eventLoop.makeCompletedFuture {
            // A channel keeps its read buffer. A stream reads nothing after its request, and a node has many thousands
            // of streams.
            let buffers = AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 1024, maximum: 65536)
            try channel.syncOptions?.setOption(.recvAllocator, value: buffers)
            let pipeline = channel.pipeline.syncOperations
            let place = places?.open(channel) ?? .regular
            let times = place.isRegular ? self.times : self.times.shortened
            let plaintext = try addTLS(to: pipeline, handshakeTimeout: times.handshakeTimeout, logger: logger)
            let connection = ConnectionHandler(
                routes, times: times, place: place, budget: budget, plaintext: plaintext, logger: logger)
            try pipeline.addHandlers(connection.handlers)
            // The last step, because from here on the gate completes `served`.
            try pipeline.addHandler(StreamGate(routes, connection: connection, served: served, logger: logger))
            return Value(channel: channel, served: served.futureResult)
        }
        configured.whenFailure(served.fail)
        return configured
    }

    /// Adds the handlers of TLS, the socket's first, and returns the last of them; nil for HTTP in clear text.
    private func addTLS(
        to pipeline: ChannelPipeline.SynchronousOperations, handshakeTimeout: TimeAmount, logger: Logger
    ) throws -> PlaintextQueue? {
        guard let tls else { return nil }
        let plaintext = PlaintextQueue()
        try pipeline.addHandlers([
            NIOSSLServerHandler(context: tls.context),
            HandshakeGuard(timeout: handshakeTimeout, logger: logger), plaintext,
        ])
        return plaintext
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
