// Rollcall · PresenceStore

package import Presence
package import Redis

/// The presences of all topics, in Redis: one script for each operation.
///
/// A value that any number of callers share. Every operation takes a connection that is up or fails at once; none waits
/// for Redis to come back. What is given is cut into calls of at most ``membersPerCall``, each of which is all or
/// nothing. Methods are in `PresenceStore+Writing`, `+UpdateItem`, `+Reading`, `+Topics`, `+Leases` and `+Sweeping`.
package struct PresenceStore: Sendable {
    /// Bounds the time that one script keeps Redis from everybody else.
    package static let membersPerCall = 500

    /// What a pool should load when it connects (``RedisOptions/scripts``).
    package static var scripts: [RedisScript] { StoreScripts.all }

    package let keys: StoreKeys
    package let limits: Limits
    private let pool: RedisPool

    package init(pool: RedisPool, keys: StoreKeys = StoreKeys(), limits: Limits = Limits()) {
        self.pool = pool
        self.keys = keys
        self.limits = limits
    }

    /// Makes sure that this deployment's constants are the ones that Redis was filled with; writes them into an empty one.
    ///
    /// Throws `misconfigured` when they differ: such a node would look for topics where nobody put them. A full Redis
    /// refuses even writes that would change nothing, so reading comes first.
    package func prepare() async throws(StoreError) {
        let constants = [("buckets", String(StoreKeys.buckets)), ("format", "1")]
        let key = RedisArgument.string(keys.configuration)
        let connection = try connection()
        for (name, value) in constants {
            var stored = try await connection.send("HGET", [key, .string(name)])
            if stored == .null {
                try connection.requireWrites(areSilent: true)
                _ = try await connection.send("HSETNX", [key, .string(name), .string(value)])
                stored = try await connection.send("HGET", [key, .string(name)])
            }
            guard stored.string == value else {
                let found = stored.string ?? "something else"
                throw StoreError(
                    .misconfigured,
                    "Redis was filled with \(name) = \(found) (\(keys.configuration)); this version needs \(value)")
            }
        }
    }

    /// What Redis does when it is full; empty when it does not tell.
    package func maxmemoryPolicy() async throws(StoreError) -> String {
        let info = try await connection().send("INFO", ["memory"])
        return RedisServerInfo(sections: [info.string ?? ""]).maxmemoryPolicy
    }

    /// What keeps Redis from being used in full, as the pool found out last; nil when nothing does.
    package var trouble: RedisTrouble? { pool.trouble }

    /// What keeps messages from coming.
    package var messageTrouble: RedisTrouble? { pool.messageTrouble }

    /// Asks Redis what it permits now.
    package func check() async { await pool.check() }

    /// Asks Redis what it permits, unless a check has ended that is at most `age` old.
    package func check(within age: Duration) async { await pool.check(within: age) }

    /// A connection for what only reads.
    func connection() throws(StoreError) -> StoreConnection {
        try StoreConnection(pool)
    }

    /// A connection for a write, where Redis lets all of it happen.
    ///
    /// - Parameter isSilent: Whether the write publishes nothing, and so needs no channels.
    func writer(isSilent: Bool = false) throws(StoreError) -> StoreConnection {
        let connection = try StoreConnection(pool)
        try connection.requireWrites(areSilent: isSilent)
        return connection
    }

    /// A connection for renewals, where Redis takes writes.
    func renewer() throws(StoreError) -> StoreConnection {
        let connection = try StoreConnection(pool)
        try connection.requireRenewals()
        return connection
    }
}

extension Collection where Index == Int {
    /// Cuts into runs of at most `count`.
    package func chunks(of count: Int) -> some Sequence<SubSequence> {
        stride(from: startIndex, to: endIndex, by: count).lazy.map { self[$0..<Swift.min($0 + count, endIndex)] }
    }
}
