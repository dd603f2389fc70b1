// Rollcall · Postgres

/// What somebody's `NOTIFY` told those who listen.
package struct PostgresNotification: Sendable, Hashable {
    package let channel: String
    /// At most 8000 bytes, by PostgreSQL's own rule.
    package let payload: String

    package init(channel: String, payload: String) {
        self.channel = channel
        self.payload = payload
    }
}
