// Rollcall · websocket-echo

import Access
import ArgumentParser
import Foundation
import Hummingbird
import Logging
import NIOCore
import NIOPosix
import PhoenixSocket
import PresenceFeed
import PresenceModel
import PresenceServer
import PresenceStore
import PresenceText
import Redis

/// The program `websocket-echo`.
@main
struct WebSocketEcho: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "websocket-echo",
        abstract: "Listens on 127.0.0.1, prints its port, and sends each WebSocket message back.",
        discussion: """
            Suites of tests for RFC 6455 need an echo, which no node is. This program has the connections, frames and \
            limits of a node. Its path is /, and it uses no Redis.
            """)

    @Argument(help: "The port; 0 takes a free one.")
    var port = 0

    @Option(help: "Bytes of a message at most; those of a node by default.")
    var maximumBytes = SocketReading().maximumBytes

    @Option(help: "Fragments of a message at most; those of a node by default.")
    var maximumFragments = SocketReading().maximumFragments

    func run() async throws {
        let loops = MultiThreadedEventLoopGroup.singleton
        let logger = Logger(label: "websocket-echo") { _ in SwiftLogNoOpLogHandler() }
        let sockets = try makeSockets(on: loops, logger)
        let server = HTTPServer.application(
            RollcallResponder(
                table: RouteTable([Route(socketAt: "/", "openSocket", openSocket: sockets.open)]), credentials: .open),
            options: HTTPServer.Options(address: .hostname("127.0.0.1", port: port)), eventLoopGroup: loops,
            logger: logger
        ) { channel in
            print(channel.localAddress?.port ?? 0)
            fflush(nil)
        }
        try await server.runService()
    }

    /// Makes the sockets of a node that reaches no Redis, for which they have no use without channels.
    private func makeSockets(on loops: MultiThreadedEventLoopGroup, _ logger: Logger) throws -> SocketRoutes {
        let url = try RedisURL("redis://127.0.0.1:1")
        let pool = RedisPool(url: url, options: RedisOptions(), eventLoopGroup: loops, logger: logger)
        let store = PresenceStore(pool: pool)
        // The answers to the largest messages wait for their clients.
        let budget = QueueBudget(maximumStreamQueueBytes: 1 << 30, slowReaderAge: .minutes(1), logger: logger)
        var reading = SocketReading()
        reading.maximumBytes = maximumBytes
        reading.maximumFragments = maximumFragments
        reading.answer = Self.echo
        return SocketRoutes(
            hub: FeedHub(
                store: store, redisURL: url, redisOptions: RedisOptions(), probe: pool, eventLoopGroup: loops,
                logger: logger),
            store: store, leases: LeaseKeeper(store: store, logger: logger),
            registry: StreamRegistry(
                eventLoopGroup: loops, options: StreamOptions(), budget: budget, credentials: .open),
            origins: OriginPolicy(), limits: Limits(), options: StreamOptions(), reading: reading)
    }

    /// The frame that sends a message back.
    @Sendable private static func echo(_ message: SocketFrame) -> ByteBuffer {
        var frame = WebSocketText.frame(message.bytes)
        // Final, and binary in place of text.
        if case .binary = message { frame.setInteger(0x82 as UInt8, at: frame.readerIndex) }
        return frame
    }
}
