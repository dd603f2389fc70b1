// Rollcall · PostgresTests

import LocalServices
import Postgres
import TestSupport

/// Runs a pool for the time of `body`, which begins when a connection is up.
func withPool(
    _ url: String, log: Recorder<String> = Recorder(), mustConnect: Bool = true,
    options change: (inout PostgresPoolOptions) -> Void = { _ in }, _ body: (PostgresPool) async throws -> Void
) async throws {
    var options = PostgresPoolOptions()
    change(&options)
    let pool = PostgresPool(url: try PostgresURL(url), options: options, logger: log.logger)
    try await withThrowingTaskGroup { group in
        group.addTask { await pool.run() }
        defer { group.cancelAll() }
        if mustConnect { try await eventually("a connection") { pool.fault == nil } }
        try await body(pool)
    }
}

extension PostgresPool {
    func outcome(
        _ sql: String, _ parameters: [PostgresParameter] = [], timeout: Duration = .seconds(60)
    ) async -> Result<PostgresRows, PostgresError> {
        do throws(PostgresError) {
            return .success(try await query(sql, parameters, timeout: timeout))
        } catch {
            return .failure(error)
        }
    }

    /// Returns the first value of the first row, or the error, as text.
    func text(_ sql: String, timeout: Duration = .seconds(60)) async -> String? {
        switch await outcome(sql, timeout: timeout) {
        case .success(let result): result.firstText
        case .failure(let error): "\(error)"
        }
    }
}

/// Ends every session that is not psql's own.
func terminateAll(_ postgres: LocalPostgres, database: String = "postgres") async throws {
    try await postgres.psql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rollcall' "
            + "AND datname = '\(database)'")
}
