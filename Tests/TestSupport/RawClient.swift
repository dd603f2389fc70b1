// Rollcall · TestSupport

import NIOCore
import NIOPosix
import NIOSSL

/// A TCP connection on which a test sends any text, also text that is no HTTP; with TLS for an `https` URL.
package struct RawClient: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<Handler>

    package static func connect(to url: String) async throws -> RawClient {
        let (host, port) = try address(of: url)
        let tls = url.hasPrefix("https:") ? try tlsContext() : nil
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(try NIOSSLClientHandler(context: tls, serverHostname: nil)) }
                    try pipeline.addHandler(Handler())
                }
            }
            .connect(host: host, port: port).get()
        let handler = try await channel.eventLoop.submit {
            NIOLoopBound(try channel.pipeline.syncOperations.handler(type: Handler.self), eventLoop: channel.eventLoop)
        }.get()
        return RawClient(channel: channel, handler: handler)
    }

    package static func connect(_ count: Int, to url: String) async throws -> [RawClient] {
        var clients: [RawClient] = []
        for _ in 0..<count { clients.append(try await connect(to: url)) }
        return clients
    }

    /// The host and the port of a URL without a path.
    static func address(of url: String) throws -> (host: String, port: Int) {
        let address = url.split(separator: "/").last?.split(separator: ":") ?? []
        guard address.count == 2, let port = Int(address[1]) else {
            throw NeverHappened(description: "\(url) is no address with a port")
        }
        return (String(address[0]), port)
    }

    /// Trusts every server.
    ///
    /// A close waits for the server for longer than a test does.
    private static func tlsContext() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.shutdownTimeout = .minutes(2)
        return try NIOSSLContext(configuration: configuration)
    }

    /// A request without a body, which leaves the connection open.
    package static func get(_ path: String) -> String { get(path, with: [:]) }

    /// A request with these fields.
    package static func get(_ path: String, with fields: [String: String]) -> String {
        "GET \(path) HTTP/1.1\r\nHost: localhost\r\n" + fields.map { "\($0): \($1)\r\n" }.joined() + "\r\n"
    }

    package func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)) }

    /// Closes the sending direction, and reads on.
    package func halfClose() async throws { try await channel.close(mode: .output) }

    /// Closes both directions; with TLS, after the server has ended TLS too.
    package func close() async {
        // With half-closure, NIOSSL would ignore the server's end of TLS.
        try? await channel.setOption(.allowRemoteHalfClosure, value: false).get()
        try? await channel.close()
    }

    package var received: String {
        get async throws { try await channel.eventLoop.submit { String(buffer: handler.value.received) }.get() }
    }

    /// Whether the server has closed its direction, or the connection.
    package var isEnded: Bool {
        get async throws {
            guard channel.isActive else { return true }
            return try await channel.eventLoop.submit { handler.value.isEnded }.get()
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        var received = ByteBuffer()
        var isEnded = false

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received.writeImmutableBuffer(unwrapInboundIn(data))
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case ChannelEvent.inputClosed? = event as? ChannelEvent { isEnded = true }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
