// Rollcall · rollcall

import Logging
import Postgres

/// One session of the database, for what a command does there itself.
struct DatabaseSession: Sendable {
    let connection: PostgresConnection
    let migrator: Migrator

    /// Lends a session to `body` and closes it; what goes wrong is an end with the exit code that fits.
    static func with<Value: Sendable>(
        _ url: @autoclosure () throws(PostgresError) -> PostgresURL,
        _ body: (DatabaseSession) async throws(PostgresError) -> Value
    ) async throws(ProgramError) -> Value {
        let logger = Logger(label: "rollcall") { LineLogHandler(label: $0, level: .notice, format: .text) }
        do throws(PostgresError) {
            let connection = try await PostgresConnection.connect(to: url(), timeout: .seconds(10), logger: logger)
            defer { connection.close() }
            return try await body(DatabaseSession(connection: connection, migrator: Migrator(logger: logger)))
        } catch {
            switch error.code {
            case .invalidURL: throw .usage("\(error)")
            case .unavailable, .lost, .timedOut, .busy: throw .unavailable("\(error)")
            case .refused, .tooLarge, .migration: throw .refused("\(error)")
            }
        }
    }
}
