// Rollcall · Redis

package import Logging
package import NIOCore
import ServiceLifecycle

/// A few connections to one Redis, each of which comes back by itself when it is lost.
package final class RedisPool: Service, Sendable {
    package init(
        url: RedisURL, options: RedisOptions, eventLoopGroup: any EventLoopGroup, logger: Logger,
        onChange: @escaping @Sendable (PoolEvent) -> Void = { _ in }
    ) {
    }

    /// Keeps the connections up until graceful shutdown or cancellation.
    package func run() async throws {
    }

    /// Gives a connection that is up, at once, or throws `.unavailable`.
    package func connection() throws(RedisError) -> RedisConnection {
        throw RedisError(.unavailable, "")
    }

    package var isConnected: Bool { false }

    package func waitUntilConnected(timeout: Duration) async -> Bool {
        false
    }
}
