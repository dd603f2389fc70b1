// Rollcall · RedisTests

import NIOCore
import NIOEmbedded
import Testing

@testable import Redis

/// The server's end of a connection: the test reads commands, sends replies and moves the clock.
struct FakeRedis: Sendable {
    let channel = NIOAsyncTestingChannel()
    private let outbox: RedisOutbox<RedisChannelHandler.Caller>
    private let ready: EventLoopFuture<RedisSession>
    private let handler: NIOLoopBound<RedisChannelHandler>

    /// Opens a channel; `next()` then returns the first commands of the handshake.
    init(url: String = "redis://h", options: RedisOptions = RedisOptions()) async throws {
        let address = try RedisURL(url)
        let outbox = RedisOutbox<RedisChannelHandler.Caller>(
            maximumPending: options.maximumPending, maximumPendingBytes: options.maximumPendingBytes)
        let loop = channel.testingEventLoop
        let promise = loop.makePromise(of: RedisSession.self)
        self.outbox = outbox
        self.ready = promise.futureResult
        self.handler = try await loop.executeInContext { [channel] in
            let handler = try RedisChannelHandler(url: address, options: options, outbox: outbox, ready: promise)
            try channel.pipeline.syncOperations.addHandler(handler)
            return NIOLoopBound(handler, eventLoop: loop)
        }
        try await channel.connect(to: SocketAddress(unixDomainSocketPath: "/fake")).get()
    }

    /// Opens a channel, answers the handshake, and lends the connection to `body`.
    static func withConnection(
        options: RedisOptions = RedisOptions(), _ body: (FakeRedis, RedisConnection) async throws -> Void
    ) async throws {
        let fake = try await FakeRedis(options: options)
        _ = try await fake.next()
        try await fake.reply("+OK\r\n$22\r\nredis_version:7.0.15\r\n\r\n$0\r\n\r\n")
        try await body(
            fake,
            RedisConnection(
                session: fake.session(), channel: fake.channel, handler: fake.handler, outbox: fake.outbox)
        )
        try? await fake.channel.close()
    }

    /// Returns the result of the handshake, or throws its error.
    func session() async throws -> RedisSession {
        try await ready.get()
    }

    /// Returns the next write of the client.
    func next() async throws -> String {
        String(buffer: try await channel.waitForOutboundWrite(as: ByteBuffer.self))
    }

    func reply(_ text: String) async throws {
        try await channel.writeInbound(ByteBuffer(string: text))
        await channel.testingEventLoop.run()
    }

    func advanceTime(_ amount: TimeAmount) async {
        await channel.testingEventLoop.advanceTime(by: amount)
    }
}
