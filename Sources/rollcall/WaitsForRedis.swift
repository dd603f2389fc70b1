// Rollcall · rollcall

import ServiceLifecycle

/// Delays a service that must not run on a Redis of another deployment, and would only log failures without any.
struct WaitsForRedis: Service {
    let redis: RedisConnectionChecks.ConnectionEvents
    let service: any Service

    /// Waits up to 2 s for the deployment check; if Redis stays away, the service runs and handles that itself.
    func run() async throws {
        _ = try await redis.waitUntilChecked(timeout: .seconds(2))
        try await service.run()
    }
}
