// Rollcall · rollcall

import Redis
import ServiceLifecycle

/// A service that would only complain if it began before the first connection to Redis is up.
struct ConnectedService: Service {
    let pool: RedisPool
    let service: any Service

    /// Waits a little for the connection; a Redis that stays away is the service's own to deal with.
    func run() async throws {
        _ = await pool.waitUntilConnected(timeout: .seconds(2))
        try await service.run()
    }
}
