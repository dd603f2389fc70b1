// Rollcall · Postgres

package import Logging

/// Brings a database's schema up to what the program expects.
///
/// The checksum of a migration is that of its file, whichever name the table of profiles has.
/// Each migration is applied in one transaction together with its record in `rollcall_migrations`, so that it is there
/// as a whole or not at all. The transaction begins with an advisory lock: of several migrators one works and the others
/// wait, then find nothing left to do. The lock ends with the transaction, which a pooler keeps on one session.
package struct Migrator: Sendable {
    private let migrations: [Migration]
    private let table: ProfilesTable
    private let logger: Logger
    /// How long one statement of ours, or one migration, may take.
    private let timeout: Duration
    /// How long another migrator is waited for; as long as one migration may take unless somebody says otherwise.
    private let patience: Duration

    /// The advisory lock's number: any, as long as every version has the same ("rollcall" in ASCII).
    private static let lock = "8245928655518264428"

    package init(
        migrations: [Migration] = Migration.rollcall, table: ProfilesTable = .standard,
        timeout: Duration = .seconds(600), patience: Duration? = nil, logger: Logger
    ) {
        self.migrations = migrations
        self.table = table
        self.timeout = timeout
        self.patience = patience ?? timeout
        self.logger = logger
    }

    /// Applies what is pending, in order, and returns what it applied.
    ///
    /// An edited, missing, failing or misnumbered migration is an error that names it. Those before a failing one stay
    /// applied; it leaves nothing behind.
    ///
    /// - Parameter onApplied: told of each as soon as it is there to stay.
    package func run(
        on connection: PostgresConnection, onApplied: @Sendable (Migration) -> Void = { _ in }
    ) async throws(PostgresError) -> [Migration] {
        try MigrationHistory.refuseDisorder(in: migrations)
        var applied: [Migration] = []
        while let migration = try await applyNext(on: connection) {
            onApplied(migration)
            applied.append(migration)
        }
        return applied
    }

    private func applyNext(on connection: PostgresConnection) async throws(PostgresError) -> Migration? {
        try await transaction(on: connection) { () throws(PostgresError) in
            let next = try await history(on: connection).pending.first
            if let next { try await apply(next, on: connection) }
            try await naming(next) { () throws(PostgresError) in
                try await connection.execute("COMMIT", timeout: timeout)
            }
            return next
        }
    }

    /// Applies what is pending and takes it back, and returns what it applied: whether ``run(on:)`` would succeed.
    package func rehearse(on connection: PostgresConnection) async throws(PostgresError) -> [Migration] {
        try MigrationHistory.refuseDisorder(in: migrations)
        return try await transaction(on: connection) { () throws(PostgresError) in
            let pending = try await history(on: connection).pending
            for migration in pending { try await apply(migration, on: connection) }
            try await connection.execute("ROLLBACK", timeout: timeout)
            return pending
        }
    }

    /// Says of every migration whether the database has it; changes nothing and waits for nobody.
    package func status(
        on connection: PostgresConnection
    ) async throws(PostgresError) -> [(migration: Migration, state: MigrationState)] {
        try MigrationHistory.refuseDisorder(in: migrations)
        return try await history(on: connection).states
    }

    // MARK: - One transaction

    /// Begins a transaction, with the lock, that `body` ends when all goes well.
    private func transaction<Value: Sendable>(
        on connection: PostgresConnection, _ body: () async throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        do throws(PostgresError) {
            // What another migrator has just committed must be seen: not the default of every database.
            try await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED", timeout: timeout)
            try await takeLock(on: connection)
            return try await body()
        } catch {
            // On a connection that was lost PostgreSQL does it by itself.
            try? await connection.execute("ROLLBACK", timeout: timeout)
            throw error
        }
    }

    private func takeLock(on connection: PostgresConnection) async throws(PostgresError) {
        let deadline = ContinuousClock.now + patience
        var isNews = true
        while true {
            let answer = try await connection.query("SELECT pg_try_advisory_xact_lock(\(Self.lock))", timeout: timeout)
            if answer.rows.first?.first == Array("t".utf8) { return }
            if isNews { logger.notice("Waiting for another migration of this database to end") }
            isNews = false
            // Asked for again and again: a statement that waits too long would end the connection.
            guard .now < deadline, (try? await Task.sleep(for: .milliseconds(50))) != nil else {
                throw PostgresError(.timedOut, "another migration of this database did not end within \(patience)")
            }
        }
    }

    private func history(on connection: PostgresConnection) async throws(PostgresError) -> MigrationHistory {
        // PostgreSQL's SHA-256, which sha256sum gives for the file too.
        let checksums = try await connection.query(
            """
            SELECT encode(sha256(convert_to(sql, 'UTF8')), 'hex')
            FROM unnest($1) WITH ORDINALITY AS known (sql, place) ORDER BY place
            """, [.textArray(migrations.map(\.sql))], timeout: timeout)
        var records: [MigrationHistory.Record] = []
        if try await hasHistory(on: connection) {
            let result = try await connection.query(
                """
                SELECT number, name, checksum, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
                FROM \(table.history)
                """, timeout: timeout)
            records = result.rows.map { row in
                let texts = row.map { String(decoding: $0 ?? [], as: UTF8.self) }
                return .init(number: Int(texts[0]) ?? 0, name: texts[1], checksum: texts[2], appliedAt: texts[3])
            }
        }
        if table != .standard, !records.isEmpty { try await refuseOtherTable(on: connection) }
        return try MigrationHistory(
            known: migrations, checksums: checksums.rows.map { String(decoding: $0[0] ?? [], as: UTF8.self) },
            records: records)
    }

    /// A database that was migrated has the table, unless that has another name than the one asked for.
    private func refuseOtherTable(on connection: PostgresConnection) async throws(PostgresError) {
        guard try await !hasTable(table.quoted, on: connection) else { return }
        throw PostgresError(
            .migration,
            "the database was migrated with another name for the table of profiles than \(table.name). "
                + "Name that one")
    }

    private func hasHistory(on connection: PostgresConnection) async throws(PostgresError) -> Bool {
        try await hasTable(table.history, on: connection)
    }

    private func hasTable(_ name: String, on connection: PostgresConnection) async throws(PostgresError) -> Bool {
        let found = try await connection.query("SELECT to_regclass($1)", [.text(name)], timeout: timeout)
        return found.rows.first?.first != .some(nil)
    }

    private func apply(_ migration: Migration, on connection: PostgresConnection) async throws(PostgresError) {
        try await naming(migration) { () throws(PostgresError) in
            try await connection.execute(table.naming(in: migration.sql), timeout: timeout)
            // What was deferred to the commit is found here, by a rehearsal too.
            try await connection.execute("SET CONSTRAINTS ALL IMMEDIATE", timeout: timeout)
        }
        if try await !hasHistory(on: connection) {
            try await connection.execute(
                """
                CREATE TABLE \(table.history) (
                    number integer PRIMARY KEY,
                    name text NOT NULL,
                    checksum text NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT now()
                )
                """, timeout: timeout)
        }
        _ = try await connection.query(
            """
            INSERT INTO \(table.history) (number, name, checksum)
            VALUES ($1::text::integer, $2, encode(sha256(convert_to($3, 'UTF8')), 'hex'))
            """, [.text("\(migration.number)"), .text(migration.name), .text(migration.sql)], timeout: timeout)
    }

    /// Says in an error of `body` which migration it is about.
    private func naming(
        _ migration: Migration?, _ body: () async throws(PostgresError) -> Void
    ) async throws(PostgresError) {
        do throws(PostgresError) {
            try await body()
        } catch {
            guard let migration else { throw error }
            guard error.code == .refused else {
                throw PostgresError(
                    error.code, "migration \(migration.name): \(error.message)", sqlState: error.sqlState)
            }
            throw MigrationHistory.fault(migration.name, "failed: \(error.message)", sqlState: error.sqlState)
        }
    }
}
