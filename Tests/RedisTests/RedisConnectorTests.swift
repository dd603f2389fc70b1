// Rollcall · RedisTests

import LocalServices
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Redis

@Suite("The connector")
struct RedisConnectorTests {
    @Test func `Of several addresses of a host name, the one that answers is used`() async throws {
        try await withLocalRedis(port: true) { redis in
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let connector = try RedisConnector(
                url: try RedisURL("redis://two.test:\(try #require(redis.port))"), options: RedisOptions(),
                resolver: TwoAddresses(loop: loop))
            let connection = try await connector.connect(on: loop)
            #expect(try await connection.send(RedisCommand("PING")) == .status("PONG"))
            let clients = try await connection.send(RedisCommand("CLIENT", ["LIST"])).string
            #expect(clients?.split(separator: "\n").count == 1)
            let subscribed = try await connector.subscribe(on: loop) { _ in }
            #expect(subscribed.0.isActive)
            try await subscribed.0.close()
        }
    }

    /// Returns two addresses; no server listens at the first one.
    private struct TwoAddresses: Resolver {
        let loop: any EventLoop

        func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
            loop.submit { try ["127.0.0.2", "127.0.0.1"].map { try SocketAddress(ipAddress: $0, port: port) } }
        }

        func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
            loop.makeSucceededFuture([])
        }

        func cancelQueries() {}
    }
}
