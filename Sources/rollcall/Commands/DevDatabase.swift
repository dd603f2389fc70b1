// Rollcall · rollcall

import Foundation
import LocalServices
import Postgres

/// The PostgreSQL of `rollcall dev`; its profiles stay in the folder, unless the server's user cannot reach it.
struct DevDatabase {
    private let postgres: LocalPostgres

    private static func demoProfiles(_ table: ProfilesTable) -> String {
        """
        INSERT INTO \(table.quoted) (key, data) VALUES
            ('Alice', '{"name": "Alice Arden", "title": "Gardener", "color": "#2e7d32"}'),
            ('Bob', '{"name": "Bob Brook", "title": "Boatbuilder", "color": "#1565c0"}'),
            ('Carol', '{"name": "Carol Clay", "title": "Potter", "color": "#ad1457"}')
        ON CONFLICT (key) DO NOTHING
        """
    }

    /// Starts the server, migrates its database and inserts the demo profiles that are absent.
    ///
    /// Returns nil, and writes a line to standard error, if the machine cannot run PostgreSQL.
    static func start(in folder: String, table: ProfilesTable) async throws(ProgramError) -> DevDatabase? {
        let postgres: LocalPostgres
        do {
            postgres = try await LocalPostgres.start(folder: folder)
        } catch {
            if error.code == .inUse { throw .unavailable("\(error)\(DevCommand.inUseHint)") }
            Terminal.writeError("rollcall: going on without profiles: \(error)\n")
            return nil
        }
        if postgres.isTemporary {
            Terminal.writeError("rollcall: PostgreSQL's user cannot reach \(folder): profiles are lost when dev ends\n")
        }
        do throws(ProgramError) {
            try await DatabaseSession.with(PostgresURL(postgres.url), table: table) { session throws(PostgresError) in
                if let schema = table.quotedSchema {
                    try await session.connection.execute("CREATE SCHEMA IF NOT EXISTS \(schema)", timeout: .seconds(10))
                }
                _ = try await session.migrator.run(on: session.connection)
                try await session.connection.execute(Self.demoProfiles(table), timeout: .seconds(10))
            }
        } catch {
            await postgres.stop()
            throw error
        }
        return DevDatabase(postgres: postgres)
    }

    /// Unsets libpq's variables, which are meant for another server, and returns their names.
    static func dropForeignVariables() -> [String] {
        let names = ProcessInfo.processInfo.environment.keys.filter { $0.hasPrefix("PG") }.sorted()
        for name in names { unsetenv(name) }
        return names
    }

    var url: String { postgres.url }

    /// The psql command that reaches the server from a shell that has these variables.
    func psql(without variables: [String]) -> String {
        let stray = variables.filter { !["PGDATABASE", "PGHOST", "PGPORT", "PGUSER"].contains($0) }
        return (stray.isEmpty ? "" : "env \(stray.map { "-u \($0) " }.joined())") + "psql '\(url)'"
    }

    func stop() async { await postgres.stop() }
}
