// Rollcall · Redis

import NIOCore
import NIOPosix
import NIOSSL

/// Opens connections, plain, over TLS or over a unix socket, and waits for their handshake.
struct RedisConnector: Sendable {
    let url: RedisURL
    let options: RedisOptions
    private let tls: NIOSSLContext?
    /// Nil for the resolver of the system.
    private let resolver: (any Resolver & Sendable)?

    /// Reads the files for TLS; throws `.invalidSettings` when one cannot be used.
    init(url: RedisURL, options: RedisOptions, resolver: (any Resolver & Sendable)? = nil) throws(RedisError) {
        self.url = url
        self.resolver = resolver
        self.options = options
        self.tls = url.isSecure ? try options.tls.makeContext() : nil
    }

    /// Opens a connection for commands and waits until it is ready.
    func connect(on eventLoop: any EventLoop) async throws(RedisError) -> RedisConnection {
        let (channel, opened) = try await open(on: eventLoop) { loop in
            let outbox = RedisOutbox<RedisChannelHandler.Caller>(
                maximumPending: options.maximumPending, maximumPendingBytes: options.maximumPendingBytes)
            return try OpenedChannel(on: loop) { ready in
                (try RedisChannelHandler(url: url, options: options, outbox: outbox, ready: ready), outbox)
            }
        }
        let session = try await value(of: opened.ready)
        return RedisConnection(
            session: session, channel: channel, handler: opened.handler, outbox: opened.extra)
    }

    /// Opens a connection for messages and waits until it is ready to subscribe; `onReply` is called on the event loop.
    func subscribe(
        on eventLoop: any EventLoop, onReply: @escaping @Sendable (RedisValue) throws(RedisError) -> Void
    ) async throws(RedisError) -> (any Channel, NIOLoopBound<RedisSubscriberHandler>) {
        let (channel, opened) = try await open(on: eventLoop) { loop in
            try OpenedChannel(on: loop) { ready in
                (try RedisSubscriberHandler(url: url, options: options, ready: ready, onReply: onReply), ())
            }
        }
        try await value(of: opened.ready)
        return (channel, opened.handler)
    }

    /// The handler of one channel, with its promise and its own data.
    ///
    /// A host name with several addresses gets a channel for each of them, and only one of these is used. A failure of
    /// another one must not affect it.
    private struct OpenedChannel<Handler: ChannelInboundHandler & SendableMetatype, Ready: Sendable, Extra: Sendable>:
        Sendable
    {
        let handler: NIOLoopBound<Handler>
        let ready: EventLoopFuture<Ready>
        let extra: Extra

        init(on loop: any EventLoop, _ make: (EventLoopPromise<Ready>) throws -> (Handler, Extra)) throws {
            let promise = loop.makePromise(of: Ready.self)
            do {
                let (handler, extra) = try make(promise)
                (self.handler, self.extra) = (NIOLoopBound(handler, eventLoop: loop), extra)
                ready = promise.futureResult
            } catch {
                promise.fail(error)
                throw error
            }
        }
    }

    /// Opens a channel; `make` makes its last handler, on the event loop.
    private func open<Handler, Ready, Extra>(
        on eventLoop: any EventLoop,
        _ make: @escaping @Sendable (any EventLoop) throws -> OpenedChannel<Handler, Ready, Extra>
    ) async throws(RedisError) -> (any Channel, OpenedChannel<Handler, Ready, Extra>) {
        let openedChannels = NIOLoopBoundBox.makeBoxSendingValue(
            [ObjectIdentifier: OpenedChannel<Handler, Ready, Extra>](), eventLoop: eventLoop)
        let bootstrap = ClientBootstrap(group: eventLoop)
            .resolver(resolver)
            .connectTimeout(TimeAmount(options.connectTimeout))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls = try makeTLSHandler() {
                        try channel.pipeline.syncOperations.addHandler(tls)
                    }
                    let openedChannel = try make(channel.eventLoop)
                    openedChannels.value[ObjectIdentifier(channel)] = openedChannel
                    try channel.pipeline.syncOperations.addHandler(openedChannel.handler.value)
                }
            }
        let connected =
            switch url.address {
            case .host(let host, let port): bootstrap.connect(host: host, port: port)
            case .unixSocket(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        return try await value(
            of: connected.flatMapThrowing { channel in
                guard let openedChannel = openedChannels.value[ObjectIdentifier(channel)] else {
                    throw ChannelError.alreadyClosed
                }
                return (channel, openedChannel)
            })
    }

    private func makeTLSHandler() throws -> NIOSSLClientHandler? {
        guard let tls, case .host(let host, _) = url.address else { return nil }
        // Only a host name is sent as server name. An address is compared with the addresses in the certificate.
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        return try NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : host)
    }

    private func value<Value: Sendable>(of future: EventLoopFuture<Value>) async throws(RedisError) -> Value {
        do {
            return try await future.get()
        } catch {
            throw RedisError(connecting: error, urlName: options.urlName)
        }
    }
}
