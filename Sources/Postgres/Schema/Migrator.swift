// Rollcall · Postgres

package import Logging

/// Applies the migrations of the program to a database.
///
/// The checksum of a migration is that of its file, under every name of the table of profiles.
/// A migration and its record in `rollcall_migrations` are one transaction, so that the database has both or none. The
/// transaction begins with an advisory lock: of several migrators one works and the others wait, then find nothing left
/// to do. The lock ends with the transaction, which a pooler keeps on one session.
package struct Migrator: Sendable {
    private let migrations: [Migration]
    private let table: ProfilesTable
    private let logger: Logger
    /// How long one statement of ours, or one migration, may take.
    private let timeout: Duration
    /// How long to wait for another migrator; by default as long as one migration may take.
    private let lockTimeout: Duration

    /// The number of the advisory lock, the same in every version: "rollcall" in ASCII.
    private static let lock = "8245928655518264428"

    package init(
        migrations: [Migration] = Migration.rollcall, table: ProfilesTable = .standard,
        timeout: Duration = .seconds(600), lockTimeout: Duration? = nil, logger: Logger
    ) {
        self.migrations = migrations
        self.table = table
        self.timeout = timeout
        self.lockTimeout = lockTimeout ?? timeout
        self.logger = logger
    }

    /// Applies the pending migrations, in order, and returns them.
    ///
    /// Throws for an edited, missing, failing or misnumbered migration, and names it. Those before a failing one stay
    /// applied; the failing one leaves nothing behind.
    ///
    /// - Parameter onApplied: Called with each migration after its commit.
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

    /// Applies the pending migrations, rolls them back and returns them; throws if ``run(on:onApplied:)`` would fail.
    package func rehearse(on connection: PostgresConnection) async throws(PostgresError) -> [Migration] {
        try MigrationHistory.refuseDisorder(in: migrations)
        return try await transaction(on: connection) { () throws(PostgresError) in
            let pending = try await history(on: connection).pending
            for migration in pending { try await apply(migration, on: connection) }
            try await connection.execute("ROLLBACK", timeout: timeout)
            return pending
        }
    }

    /// Returns each migration with its state; changes nothing, and waits for no other migrator.
    package func status(
        on connection: PostgresConnection
    ) async throws(PostgresError) -> [(migration: Migration, state: MigrationState)] {
        try MigrationHistory.refuseDisorder(in: migrations)
        return try await history(on: connection).states
    }

    // MARK: - One transaction

    /// Begins a transaction and takes the lock; `body` ends the transaction, or an error rolls it back.
    private func transaction<Value: Sendable>(
        on connection: PostgresConnection, _ body: () async throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        do throws(PostgresError) {
            // READ COMMITTED sees what another migrator has just committed. Databases may have another default.
            try await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED", timeout: timeout)
            try await takeLock(on: connection)
            return try await body()
        } catch {
            // On a lost connection PostgreSQL rolls back by itself.
            try? await connection.execute("ROLLBACK", timeout: timeout)
            throw error
        }
    }

    private func takeLock(on connection: PostgresConnection) async throws(PostgresError) {
        let deadline = ContinuousClock.now + lockTimeout
        var isFirstAttempt = true
        while true {
            let answer = try await connection.query("SELECT pg_try_advisory_xact_lock(\(Self.lock))", timeout: timeout)
            if answer.rows.first?.first == Array("t".utf8) { return }
            if isFirstAttempt { logger.notice("migrate: waiting for another migration of this database to end") }
            isFirstAttempt = false
            // A statement that waits too long would end the connection, so each one returns at once.
            guard .now < deadline, (try? await Task.sleep(for: .milliseconds(50))) != nil else {
                throw PostgresError(.timedOut, "another migration of this database did not end within \(lockTimeout)")
            }
        }
    }

    private func history(on connection: PostgresConnection) async throws(PostgresError) -> MigrationHistory {
        // PostgreSQL's SHA-256, the same as sha256sum of the file.
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

    /// Throws when a migrated database lacks the table, because it was migrated with another name for it.
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
            // Faults that are deferred to the commit are found here, so that a rehearsal finds them too.
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

    /// Adds the name of the migration to an error of `body`.
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
