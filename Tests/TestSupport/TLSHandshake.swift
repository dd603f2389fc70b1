// Rollcall · TestSupport

import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// The outcome of one TLS handshake with a server on this machine.
package struct TLSHandshake: Sendable {
    package enum Version: Sendable { case tls11, tls12, tls13 }

    /// The certificate of the server, in the DER form.
    package let certificate: [UInt8]
    /// The protocol that the server chose from those that the client offered; nil if it chose none.
    package let applicationProtocol: String?

    /// Connects, and disconnects after the handshake; throws the error of a handshake that fails.
    package static func perform(
        port: Int, newest version: Version = .tls13, offering protocols: [String] = []
    ) async throws -> TLSHandshake {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.minimumTLSVersion = .tlsv1
        configuration.maximumTLSVersion =
            switch version {
            case .tls11: .tlsv11
            case .tls12: .tlsv12
            case .tls13: .tlsv13
            }
        configuration.applicationProtocols = protocols
        let context = try NIOSSLContext(configuration: configuration)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let outcome = loop.makePromise(of: TLSHandshake.self)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandlers([
                            try NIOSSLClientHandler(context: context, serverHostname: nil), Observer(outcome),
                        ])
                    }
                }
                .connect(host: "127.0.0.1", port: port).get()
        } catch {
            outcome.fail(error)
            throw error
        }
        defer { channel.close(promise: nil) }
        return try await outcome.futureResult.get()
    }

    private final class Observer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let outcome: EventLoopPromise<TLSHandshake>

        init(_ outcome: EventLoopPromise<TLSHandshake>) { self.outcome = outcome }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard case TLSUserEvent.handshakeCompleted(let chosen)? = event as? TLSUserEvent else {
                return context.fireUserInboundEventTriggered(event)
            }
            outcome.completeWith(
                Result {
                    let certificate = try context.pipeline.syncOperations.nioSSL_peerCertificate()
                    return TLSHandshake(certificate: try certificate?.toDERBytes() ?? [], applicationProtocol: chosen)
                })
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            outcome.fail(error)
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            outcome.fail(ChannelError.eof)
            context.fireChannelInactive()
        }
    }
}
