// Rollcall · Redis

import NIOCore
import NIOPosix
import NIOSSL

/// Opens connections, plain, over TLS or over a unix socket, and leads them through the handshake.
struct RedisConnector: Sendable {
    let url: RedisURL
    let options: RedisOptions
    private let tls: NIOSSLContext?

    /// Reads the files that TLS needs, once.
    init(url: RedisURL, options: RedisOptions) throws(RedisError) {
        self.url = url
        self.options = options
        self.tls = url.isSecure ? try options.tls.makeContext() : nil
    }

    /// Opens a connection for commands and waits until it is ready.
    func connect(on eventLoop: any EventLoop) async throws(RedisError) -> RedisConnection {
        let outbox = RedisOutbox<RedisChannelHandler.Caller>(
            maximumPending: options.maximumPending, maximumPendingBytes: options.maximumPendingBytes)
        let ready = eventLoop.makePromise(of: RedisSession.self)
        do throws(RedisError) {
            let (channel, handler) = try await open(on: eventLoop) {
                try RedisChannelHandler(url: url, options: options, outbox: outbox, ready: ready)
            }
            let session = try await value(of: ready.futureResult)
            return RedisConnection(
                session: session, scripts: options.scripts, channel: channel, handler: handler, outbox: outbox)
        } catch {
            ready.fail(error)
            throw error
        }
    }

    /// Opens a connection for messages and waits until it is ready to subscribe; `onReply` is called on the event loop.
    func subscribe(
        on eventLoop: any EventLoop, onReply: @escaping @Sendable (RedisValue) throws(RedisError) -> Void
    ) async throws(RedisError) -> (any Channel, NIOLoopBound<RedisSubscriberHandler>) {
        let ready = eventLoop.makePromise(of: Void.self)
        do throws(RedisError) {
            let opened = try await open(on: eventLoop) {
                try RedisSubscriberHandler(url: url, options: options, ready: ready, onReply: onReply)
            }
            try await value(of: ready.futureResult)
            return opened
        } catch {
            ready.fail(error)
            throw error
        }
    }

    /// Opens a channel whose last handler is the one that `make` makes on the event loop.
    private func open<Handler: ChannelInboundHandler & SendableMetatype>(
        on eventLoop: any EventLoop, _ make: @escaping @Sendable () throws -> Handler
    ) async throws(RedisError) -> (any Channel, NIOLoopBound<Handler>) {
        let made = eventLoop.makePromise(of: NIOLoopBound<Handler>.self)
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(options.connectTimeout))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls = try makeTLSHandler() {
                        try channel.pipeline.syncOperations.addHandler(tls)
                    }
                    let handler = try make()
                    made.succeed(NIOLoopBound(handler, eventLoop: channel.eventLoop))
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        let opened =
            switch url.address {
            case .host(let host, let port): bootstrap.connect(host: host, port: port)
            case .unixSocket(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        opened.whenFailure { made.fail($0) }
        return (try await value(of: opened), try await value(of: made.futureResult))
    }

    private func makeTLSHandler() throws -> NIOSSLClientHandler? {
        guard let tls, case .host(let host, _) = url.address else { return nil }
        // A server name is for names only; an address is checked against the certificate's addresses.
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        return try NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : host)
    }

    private func value<Value: Sendable>(of future: EventLoopFuture<Value>) async throws(RedisError) -> Value {
        do {
            return try await future.get()
        } catch let error as RedisError {
            throw error
        } catch {
            throw RedisError(.disconnected, "cannot connect to \(url): \(error)")
        }
    }
}
