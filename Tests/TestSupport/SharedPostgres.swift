// Rollcall · TestSupport

package import LocalServices

/// The one PostgreSQL server that all tests of a run share.
///
/// The first test that needs it starts it; its guardian ends it with the test process. A test uses a database of its
/// own (`withPostgres`); one that stops, freezes or configures its server starts its own (`withLocalPostgres`).
package enum SharedPostgres {
    private static let server = Task { try await LocalPostgres.start(arguments: ["-c", "max_connections=300"]) }

    package static var postgres: LocalPostgres {
        get async throws { try await Self.server.value }
    }
}

/// Runs `body` with the URL of a new, empty database on the shared server, and drops the database afterwards.
package func withPostgres<Result>(
    isolation: isolated (any Actor)? = #isolation,
    _ body: (_ url: String) async throws -> sending Result
) async throws -> sending Result {
    let postgres = try await SharedPostgres.postgres
    let name = "t" + String(UInt64.random(in: .min ... .max), radix: 36)
    try await postgres.psql("CREATE DATABASE \(name)")
    do {
        let result = try await body(postgres.url(database: name))
        try await postgres.psql("DROP DATABASE \(name) WITH (FORCE)")
        return result
    } catch {
        _ = try? await postgres.psql("DROP DATABASE \(name) WITH (FORCE)")
        throw error
    }
}
