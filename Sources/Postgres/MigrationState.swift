// Rollcall · Postgres

/// Whether a migration has been applied to a database.
package enum MigrationState: Sendable, Hashable, CustomStringConvertible {
    /// With the time on PostgreSQL's clock, such as `2026-08-01T12:00:00Z`.
    case applied(String)
    case pending

    package var description: String {
        switch self {
        case .applied(let time): "applied \(time)"
        case .pending: "pending"
        }
    }
}
