// Rollcall · Postgres

/// A connection that a pool has, and lends to one caller at a time.
struct PostgresLease<Connection: Sendable>: Sendable {
    let number: Int
    let connection: Connection
    /// When it is old enough to be replaced.
    let expiry: ContinuousClock.Instant
}
