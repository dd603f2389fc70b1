// Rollcall · Postgres

/// A connection of a pool, which lends it to one caller at a time.
struct PostgresLease<Connection: Sendable>: Sendable {
    let number: Int
    let connection: Connection
    /// When it is old enough to be replaced.
    let expiry: ContinuousClock.Instant
}
