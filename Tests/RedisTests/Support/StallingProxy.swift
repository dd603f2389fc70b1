// Rollcall · RedisTests

import NIOCore
import NIOPosix
import Synchronization

/// Stands between a client and a Redis on this machine, and can fall silent: connections stay open, nothing comes.
final class StallingProxy: Sendable {
    private let server: any Channel
    private let generation: Generation

    /// Connections are numbered by the stalls before them, and are silent once another stall came.
    private final class Generation: Sendable {
        let current = Atomic<Int>(0)
    }

    static func with(redisPort: Int, _ body: (StallingProxy) async throws -> Void) async throws {
        let generation = Generation()
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { client in
                let born = generation.current.load(ordering: .relaxed)
                return ClientBootstrap(group: client.eventLoop)
                    .channelInitializer { redis in
                        redis.eventLoop.makeCompletedFuture {
                            let relay = Relay(to: client) { generation.current.load(ordering: .relaxed) == born }
                            try redis.pipeline.syncOperations.addHandler(relay)
                        }
                    }
                    .connect(host: "127.0.0.1", port: redisPort)
                    .flatMapThrowing { redis in
                        try client.pipeline.syncOperations.addHandler(Relay(to: redis) { true })
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let proxy = StallingProxy(server: server, generation: generation)
        do {
            try await body(proxy)
        } catch {
            try? await server.close()
            throw error
        }
        try? await server.close()
    }

    private init(server: any Channel, generation: Generation) {
        self.server = server
        self.generation = generation
    }

    var url: String { "redis://127.0.0.1:\(server.localAddress?.port ?? 0)" }

    /// Stops forwarding to all clients that are connected; later ones are served.
    func stall() {
        generation.current.add(1, ordering: .relaxed)
    }

    private final class Relay: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let other: any Channel
        private let forwards: @Sendable () -> Bool

        init(to other: any Channel, forwards: @escaping @Sendable () -> Bool) {
            self.other = other
            self.forwards = forwards
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if forwards() { other.writeAndFlush(unwrapInboundIn(data), promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            other.close(promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
