// Rollcall · Postgres

/// One message of a `NOTIFY`, as a connection that listens gets it.
package struct PostgresNotification: Sendable, Hashable {
    package let channel: String
    /// Less than 8000 bytes, by PostgreSQL's own rule.
    package let payload: String

    package init(channel: String, payload: String) {
        self.channel = channel
        self.payload = payload
    }
}
