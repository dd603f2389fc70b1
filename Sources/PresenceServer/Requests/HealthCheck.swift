// Rollcall · PresenceServer

package import Access
import PresenceModel
package import PresenceStore
import Redis

/// One condition of a node's readiness, and its present state.
package struct HealthCheck: Sendable {
    package let name: String
    /// The reason why the condition is not met; nil if it is.
    package let fault: String?
    /// Whether the node is not ready without it.
    let isVital: Bool
    /// What an operator should know of it while it is met.
    let note: String?

    package init(_ name: String, fault: String?, isVital: Bool = true, note: String? = nil) {
        self.name = name
        self.note = note
        self.fault = fault
        self.isVital = isVital
    }

    /// Checks that the node can check credentials; notes that an open node asks for none.
    package static func access(_ credentials: Credentials) -> HealthCheck {
        let fault: String? =
            credentials.awaitsKeys
            ? "the JWKS has not been fetched yet"
            : credentials.awaitsRevocations ? "the revocations have not been read yet" : nil
        return HealthCheck(
            "access", fault: fault, note: credentials.isOpen ? "the node is open: callers need no credential" : nil)
    }

    /// Checks that Redis answers, evicts nothing, takes writes and sends messages.
    ///
    /// Users, policies and limits change while Redis runs, so each call asks again; for rights and writes at most once
    /// a second. The commands run at once, so a stalled Redis costs one command time-out. A full Redis still renews
    /// leases and shows lists, so its node stays ready.
    package static func redis(_ store: PresenceStore) async -> [HealthCheck] {
        let messages = HealthCheck("redis_messages", fault: store.messageTrouble.map { "\($0)" })
        do {
            async let checked: Void = store.check(within: .seconds(1))
            async let asked = try? store.maxmemoryPolicy()
            _ = try await store.position(of: PresenceStore.probeTopic)
            let policy = await asked
            await checked
            let trouble = store.trouble
            return [
                HealthCheck("redis", fault: nil),
                HealthCheck("redis_policy", fault: policyFault(policy)),
                HealthCheck(
                    "redis_writes", fault: trouble.map { "\($0)" }, isVital: trouble?.kind != .full),
                messages,
            ]
        } catch {
            let fault = store.trouble.map { "\($0)" } ?? (error as? StoreError)?.message ?? "\(error)"
            return [HealthCheck("redis", fault: fault), messages]
        }
    }

    /// The fault of a policy other than `noeviction`, under which Redis removes presences.
    private static func policyFault(_ policy: String?) -> String? {
        guard let policy, !policy.isEmpty, policy != "noeviction" else { return nil }
        return "maxmemory-policy is \(policy); set it to noeviction"
    }
}
