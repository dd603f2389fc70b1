// Rollcall · PresenceServer

import Presence
package import PresenceStore

/// One thing that a node needs in order to be of use, and how it is at the moment.
package struct HealthCheck: Sendable {
    package let name: String
    /// Nil when all is well.
    package let fault: String?
    /// Whether the node is of no use without it.
    let isVital: Bool

    package init(_ name: String, fault: String?, isVital: Bool = true) {
        self.name = name
        self.fault = fault
        self.isVital = isVital
    }

    /// Redis runs our scripts, and does not evict: a policy other than `noeviction` would let presences vanish.
    ///
    /// Both are asked each time: users and policies are changed while Redis runs.
    package static func redis(_ store: PresenceStore) async -> [HealthCheck] {
        do {
            _ = try await store.position(of: Topic("rollcall:readiness"))
            let policy = try await store.maxmemoryPolicy()
            return [
                HealthCheck("redis", fault: nil),
                HealthCheck(
                    "redis_policy",
                    fault: policy == "noeviction" || policy.isEmpty
                        ? nil : "maxmemory-policy is \(policy); set it to noeviction"),
            ]
        } catch {
            return [HealthCheck("redis", fault: (error as? StoreError)?.message ?? "\(error)")]
        }
    }
}
