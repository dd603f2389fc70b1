// Rollcall · PresenceStore

package import PresenceModel
package import Redis

/// The presences of all topics, in Redis: one script for each operation.
///
/// A value that any number of callers share. An operation uses an open connection or throws at once; only a read on a
/// connection that `READONLY` closed waits for another one, 1 s at most. Items are split into calls of at most
/// ``membersPerCall``; each call is all or nothing. Methods are in `PresenceStore+Writing`, `+Updating`, `+Reading`,
/// `+Topics`, `+Leases`, `+Sweeping`, `+Tickets`, `+Revocations` and `+Sockets`.
package struct PresenceStore: Sendable {
    /// Bounds the time for which one script blocks Redis.
    package static let membersPerCall = 500

    /// The scripts that a pool loads on each new connection (``RedisOptions/scripts``).
    package static var scripts: [RedisScript] { StoreScripts.all }

    package let keys: StoreKeys
    package let limits: Limits
    private let pool: RedisPool

    package init(pool: RedisPool, keys: StoreKeys = StoreKeys(), limits: Limits = Limits()) {
        self.pool = pool
        self.keys = keys
        self.limits = limits
    }

    /// Checks that the constants in Redis are those of this version; writes them where they are missing.
    ///
    /// Throws `misconfigured` when they differ: such a node would look for topics under other keys. Reads first,
    /// because a full Redis also refuses writes that change nothing.
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

    /// The `maxmemory-policy` of Redis; empty when Redis does not report it.
    package func maxmemoryPolicy() async throws(StoreError) -> String {
        let info = try await connection().send("INFO", ["memory"])
        return RedisServerInfo(sections: [info.string ?? ""]).maxmemoryPolicy
    }

    /// The trouble that limits the use of Redis, as of the pool's last check; nil when there is none.
    package var trouble: RedisTrouble? { pool.trouble }

    /// The trouble that keeps messages from arriving; nil when there is none.
    package var messageTrouble: RedisTrouble? { pool.messageTrouble }

    /// Asks Redis what it permits, unless the last check is at most `age` old.
    package func check(within age: Duration) async { await pool.check(within: age) }

    /// A connection for reads.
    func connection() throws(StoreError) -> StoreConnection {
        try StoreConnection(pool)
    }

    /// A connection for a write; throws `refused` unless Redis permits every part of it.
    ///
    /// - Parameter isSilent: Whether the write publishes nothing, and so needs no channels.
    func writer(isSilent: Bool = false) throws(StoreError) -> StoreConnection {
        let connection = try StoreConnection(pool)
        try connection.requireWrites(areSilent: isSilent)
        return connection
    }

    /// A connection for renewals; throws `refused` when Redis takes no writes, not when a right is missing.
    func renewer() throws(StoreError) -> StoreConnection {
        let connection = try StoreConnection(pool)
        try connection.requireRenewals()
        return connection
    }
}

extension Collection where Index == Int {
    /// Splits the collection into runs of at most `count` elements.
    package func chunks(of count: Int) -> [SubSequence] {
        stride(from: startIndex, to: endIndex, by: count).map { self[$0..<Swift.min($0 + count, endIndex)] }
    }
}
