// Rollcall · Postgres

/// One step of the database's schema: numbered plain SQL, without `BEGIN` or `COMMIT` of its own.
///
/// A released migration never changes; a later one corrects it.
package struct Migration: Sendable, Hashable {
    /// Its place in the order: the digits at the beginning of its name.
    package let number: Int
    /// The name of its file without the ending: `0001_profiles`.
    package let name: String
    package let sql: String

    package init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }

    /// The migrations of this program, which a test compares with the files in `migrations/`.
    package static let rollcall = [
        Migration(number: 1, name: "0001_profiles", sql: text(PackageResources._001_profiles_sql))
    ]

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}

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
