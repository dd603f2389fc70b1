// Rollcall · Redis

/// An event of the connections of a pool.
package enum PoolEvent: Sendable, Hashable {
    /// A connection is ready, for the first time or again.
    case connected(RedisServerInfo)
    /// The last open connection has ended.
    case lost
    /// No connection can be made until an operator does something.
    case refused(RedisTrouble)
}
