// Rollcall · EnrichmentTests

import Logging
import Postgres
import PresenceModel
import TestSupport

@testable import Enrichment

/// A hook and its pool on a real database, which run during a test, with a record of the queries.
struct DatabaseHook {
    let running: RunningHook
    let pool: PostgresPool
    let asked: Recorder<(keys: [String], time: ContinuousClock.Instant)>

    var hook: FetchHook { running.hook }

    /// Fetches a key until its entry has this text.
    func awaitAnswer(_ name: String, _ text: String) async throws {
        try await eventually("\(text) of \(name)") { await running.shown(name) == text }
    }

    static func with(
        _ rules: [FetchRule] = [.profiles], url: String, isValidated: Bool = true,
        _ body: (DatabaseHook) async throws -> Void
    ) async throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let pool = PostgresPool(url: try PostgresURL(url), logger: logger)
        let asked = Recorder<(keys: [String], time: ContinuousClock.Instant)>()
        let inner = FetchSource.pool(pool)
        let source = FetchSource { (sql, parameters, timeout) throws(PostgresError) in
            if case .textArray(let keys)? = parameters.first { asked.record((keys, .now)) }
            return try await inner.query(sql, parameters, timeout)
        } validate: { (rule) throws(FetchRuleError) in
            try await inner.validate(rule)
        }
        try await withThrowingTaskGroup { group in
            group.addTask { await pool.run() }
            defer { group.cancelAll() }
            try await RunningHook.with(rules, source, isValidated: isValidated) { running in
                try await body(DatabaseHook(running: running, pool: pool, asked: asked))
            }
        }
    }
}

/// Passes the body a new database with the tables of the migrations, and a connection to it.
func withProfiles(_ body: (_ url: String, _ connection: PostgresConnection) async throws -> Void) async throws {
    try await withPostgres { url in
        let connection = try await PostgresConnection.connect(to: try PostgresURL(url), timeout: .seconds(60))
        defer { connection.close() }
        try await migrate(connection)
        try await body(url, connection)
    }
}

func migrate(_ connection: PostgresConnection) async throws {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    _ = try await Migrator(migrations: Migration.rollcall, logger: logger).run(on: connection)
}

extension PostgresConnection {
    /// Writes profiles of these keys.
    func put(_ profiles: some Sequence<(String, String)>) throws {
        for (key, data) in profiles {
            _ = try query(
                "INSERT INTO profiles VALUES ($1, $2::jsonb) ON CONFLICT (key) DO UPDATE SET data = EXCLUDED.data",
                [.text(key), .text(data)], timeout: .seconds(60))
        }
    }

    func run(_ sql: String) async throws { try await execute(sql, timeout: .seconds(60)) }
}
