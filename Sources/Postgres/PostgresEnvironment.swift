// Rollcall · Postgres

import CPostgres
import Foundation

/// The variables, files and version of libpq that decide how a ``PostgresURL`` connects; tests replace them.
struct PostgresEnvironment: Sendable {
    var environment: @Sendable (String) -> String?
    var fileExists: @Sendable (String) -> Bool
    /// As `PQlibVersion` counts: 160002 is 16.2.
    var libpqVersion: Int

    static let actual = PostgresEnvironment(
        environment: { name in getenv(name).map { String(cString: $0) } },
        fileExists: { path in access(path, R_OK) == 0 },
        libpqVersion: Int(PQlibVersion()))
}
