// Rollcall · rollcall

import Logging
import Postgres

/// A connection to the database, with its migrator, for a command.
struct DatabaseSession: Sendable {
    let connection: PostgresConnection
    let migrator: Migrator

    /// Runs `body` with a session and closes it; throws failures with the exit code that fits.
    static func with<Value: Sendable>(
        _ url: @autoclosure () throws(PostgresError) -> PostgresURL, table: ProfilesTable,
        _ body: (DatabaseSession) async throws(PostgresError) -> Value
    ) async throws(ProgramError) -> Value {
        let logger = Logger(label: "rollcall") { LineLogHandler(label: $0, level: .notice, format: .text) }
        do throws(PostgresError) {
            let connection = try await PostgresConnection.connect(to: url(), timeout: .seconds(10), logger: logger)
            defer { connection.close() }
            return try await body(
                DatabaseSession(connection: connection, migrator: Migrator(table: table, logger: logger)))
        } catch {
            switch error.code {
            case .invalidURL: throw .usage("\(error)")
            case .unavailable, .lost, .timedOut, .busy: throw .unavailable(error.advice)
            case .refused, .tooLarge, .migration: throw .refused("\(error.advice)\(hint(for: error, table))")
            }
        }
    }

    /// The advice for a name that the database has already, or a schema that it lacks.
    private static func hint(for error: PostgresError, _ table: ProfilesTable) -> String {
        let setting = SettingsTable.declared.profilesTable.info.environmentName
        return switch error.sqlState {
        // duplicate_table, duplicate_function
        case "42P07", "42723":
            "; if the table \(table.name) is another program's, \(setting) names another one for the profiles"
        // invalid_schema_name
        case "3F000": "; make the schema that \(setting) names: CREATE SCHEMA \(table.quotedSchema ?? "")"
        default: ""
        }
    }
}
