// Rollcall · rollcall

import ServiceLifecycle

/// A service that must not begin on a Redis of another deployment, and would only complain if it began without any.
struct WaitsForRedis: Service {
    let redis: RedisConnectionChecks.ConnectionEvents
    let service: any Service

    /// Waits a little for the greeting; a Redis that stays away is the service's own to deal with.
    func run() async throws {
        _ = try await redis.waitUntilChecked(timeout: .seconds(2))
        try await service.run()
    }
}
