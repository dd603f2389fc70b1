// Rollcall · PresenceServer

package import Redis

/// One thing that a node needs in order to be of use, and how it is at the moment.
package struct HealthCheck: Sendable {
    package let name: String
    /// Nil when all is well.
    package let fault: String?

    package init(_ name: String, fault: String?) {
        self.name = name
        self.fault = fault
    }

    /// Redis answers, and does not evict: a policy other than `noeviction` would let presences vanish.
    package static func redis(_ pool: RedisPool) async -> [HealthCheck] {
        do {
            let connection = try pool.connection()
            _ = try await connection.send(RedisCommand("PING", []))
            let policy = connection.server.maxmemoryPolicy
            return [
                HealthCheck("redis", fault: nil),
                HealthCheck(
                    "redis_policy",
                    fault: policy == "noeviction" || policy.isEmpty
                        ? nil : "maxmemory-policy is \(policy); set it to noeviction"),
            ]
        } catch {
            return [HealthCheck("redis", fault: "\(error.code)")]
        }
    }
}
