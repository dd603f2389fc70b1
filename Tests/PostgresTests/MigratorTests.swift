// Rollcall · PostgresTests

import Foundation
import Postgres
import TestSupport
import Testing

@Suite("The migrator")
struct MigratorTests {
    private static let first = Migration(number: 1, name: "0001_first", sql: "CREATE TABLE first (n int); SELECT 1")
    private static let second = Migration(number: 2, name: "0002_second", sql: "CREATE TABLE second (n int)")
    private static let failing = Migration(
        number: 3, name: "0003_failing", sql: "CREATE TABLE third (n int);\nINSERT INTO third VALUES (1/0)")

    /// Lends two connections to one fresh database.
    private func withConnections(
        _ body: (PostgresConnection, PostgresConnection) async throws -> Void
    ) async throws {
        try await withPostgres { text in
            let url = try PostgresURL(text)
            let one = try await PostgresConnection.connect(to: url, timeout: .seconds(60))
            let other = try await PostgresConnection.connect(to: url, timeout: .seconds(60))
            try await body(one, other)
            one.close()
            other.close()
        }
    }

    private let logged = Recorder<String>()

    private func migrator(_ migrations: Migration..., lockTimeout: Duration = .seconds(60)) -> Migrator {
        Migrator(migrations: migrations, lockTimeout: lockTimeout, logger: logged.logger)
    }

    private func tables(_ connection: PostgresConnection) async throws -> String {
        try await text(
            "SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class "
                + "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace", connection)
    }

    private func text(_ sql: String, _ connection: PostgresConnection) async throws -> String {
        let result = try await connection.query(sql, timeout: .seconds(60))
        return result.rows.map { $0.map { String(decoding: $0 ?? [], as: UTF8.self) }.joined(separator: "|") }
            .joined(separator: "\n")
    }

    @Test func `Every file in migrations/ is a migration, with its text and its number`() throws {
        let folder = repository + "/migrations"
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(files == Migration.rollcall.map { $0.name + ".sql" })
        for migration in Migration.rollcall {
            let text = try String(contentsOfFile: "\(folder)/\(migration.name).sql", encoding: .utf8)
            #expect(migration.sql == text)
            #expect(Int(migration.name.prefix(4)) == migration.number)
            let own = /(?im)^(begin|start|commit|rollback|end)(\s+(work|transaction))?\s*;/
            #expect(text.firstMatch(of: own) == nil, "\(migration.name) has transactions of its own")
        }
    }

    @Test func `Pending migrations are applied once, in order, and recorded with the checksum of sha256sum`()
        async throws
    {
        try await withConnections { connection, _ in
            #expect(try await migrator(Self.first).run(on: connection) == [Self.first])
            #expect(try await migrator(Self.first, Self.second).run(on: connection) == [Self.second])
            #expect(try await migrator(Self.first, Self.second).run(on: connection) == [])
            #expect(try await tables(connection) == "first rollcall_migrations second")
            let records = try await text(
                "SELECT number, name, checksum FROM rollcall_migrations ORDER BY number", connection)
            let sum = try await Command.run(
                "sh", ["-c", "printf %s \"$1\" | (sha256sum || shasum -a 256)", "sh", Self.second.sql])
            #expect(records.hasSuffix("2|0002_second|\(sum.output.prefix(64))"))
        }
    }

    @Test func `Two migrators at the same time apply each migration once`() async throws {
        let slow = Migration(number: 1, name: "0001_slow", sql: "CREATE TABLE slow (n int); SELECT pg_sleep(0.2)")
        let migrator = migrator(slow, Self.second)
        try await withConnections { one, other in
            async let here = migrator.run(on: one)
            async let there = migrator.run(on: other)
            let applied = try await here + there
            #expect(applied.sorted { $0.number < $1.number } == [slow, Self.second])
        }
    }

    @Test func `A migrator waits for another one, logs that, and throws after its time-out`() async throws {
        try await withConnections { one, other in
            let held = Migration(number: 1, name: "0001_held", sql: "SELECT pg_advisory_xact_lock(7)")
            _ = try await text("SELECT pg_advisory_lock(7)", other)
            let holder = Task { try await migrator(held).run(on: one) }
            try await eventually("the migration waits") {
                try await text(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
                        + "(SELECT oid FROM pg_database WHERE datname = current_database())", other) == "1"
            }
            let error = try await #require(throws: PostgresError.self) {
                try await migrator(Self.first, lockTimeout: .milliseconds(100)).run(on: other)
            }
            #expect(error.code == .timedOut)
            #expect(error.message.contains("another migration"))
            #expect(logged.all.contains { $0.hasPrefix("notice migrate: waiting for another migration") })
            _ = try await text("SELECT pg_advisory_unlock(7)", other)
            #expect(try await holder.value == [held])
            #expect(try await migrator(held, Self.second).run(on: other) == [Self.second])
        }
    }

    @Test func `A failing migration is named with PostgreSQL's reason and leaves nothing; those before it stay`()
        async throws
    {
        try await withConnections { connection, _ in
            let applied = Recorder<Migration>()
            let error = try await #require(throws: PostgresError.self) {
                try await migrator(Self.first, Self.second, Self.failing).run(on: connection, onApplied: applied.record)
            }
            #expect(applied.all == [Self.first, Self.second])
            #expect(error.code == .migration)
            #expect(error.sqlState == "22012")
            #expect(error.message.contains("0003_failing failed: "))
            #expect(error.message.contains("division by zero"))
            #expect(try await tables(connection) == "first rollcall_migrations second")
            #expect(connection.isUsable)
            #expect(try await migrator(Self.first, Self.second).run(on: connection) == [])
        }
    }

    @Test func `A migration that fails at the commit is named, and a rehearsal finds a deferred fault`() async throws {
        let dangling = Migration(
            number: 2, name: "0002_dangling",
            sql: """
                CREATE TABLE child (n int PRIMARY KEY, parent int REFERENCES child DEFERRABLE INITIALLY DEFERRED);
                INSERT INTO child VALUES (1, 2)
                """)
        // Only the commit itself finds this fault.
        let late = Migration(
            number: 2, name: "0002_late",
            sql: """
                CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF TG_WHEN = 'AFTER' THEN RAISE 'too late'; END IF;
                    SET CONSTRAINTS ALL DEFERRED;
                    RETURN NEW;
                END
                $$;
                CREATE TRIGGER early BEFORE INSERT ON rollcall_migrations FOR EACH ROW EXECUTE FUNCTION late();
                CREATE CONSTRAINT TRIGGER late AFTER INSERT ON rollcall_migrations DEFERRABLE
                    FOR EACH ROW EXECUTE FUNCTION late();
                """)
        try await withConnections { connection, _ in
            for (migration, reason) in [(dangling, "foreign key"), (late, "too late")] {
                let error = try await #require(throws: PostgresError.self) {
                    try await migrator(Self.first, migration).run(on: connection)
                }
                #expect(error.code == .migration)
                #expect(error.message.hasPrefix("migration \(migration.name) failed: "))
                #expect(error.message.contains(reason))
                #expect(try await tables(connection) == "first rollcall_migrations")
            }
            let error = try await #require(throws: PostgresError.self) {
                try await migrator(Self.first, dangling).rehearse(on: connection)
            }
            #expect(error.message.hasPrefix("migration 0002_dangling failed: "))
        }
    }

    @Test func `A migration that loses its connection half way leaves nothing, and is named`() async throws {
        try await withConnections { connection, other in
            let lost = Migration(
                number: 1, name: "0001_lost",
                sql: "CREATE TABLE lost (n int); SELECT pg_terminate_backend(pg_backend_pid())")
            let error = try await #require(throws: PostgresError.self) {
                try await migrator(lost).run(on: connection)
            }
            #expect(error.message.contains("0001_lost"))
            #expect(try await tables(other) == "")
        }
    }

    @Test func `An edited, missing, renamed, late or misnumbered migration is named, and nothing changes`() async throws
    {
        let third = Migration(number: 3, name: "0003_third", sql: "CREATE TABLE third (n int)")
        try await withConnections { connection, _ in
            _ = try await migrator(Self.first, third).run(on: connection)
            let before =
                try await text("SELECT * FROM rollcall_migrations", connection) + (try await tables(connection))

            let edited = Migration(number: 1, name: "0001_first", sql: Self.first.sql + " ")
            let renamed = Migration(number: 1, name: "0001_primary", sql: Self.first.sql)
            let twin = Migration(number: 3, name: "0003_twin", sql: "CREATE TABLE twin (n int)")
            let fourth = Migration(number: 4, name: "0004_fourth", sql: "CREATE TABLE fourth (n int)")
            let cases: [(Migrator, String)] = [
                (migrator(edited, third, fourth), "migration 0001_first was edited"),
                (migrator(Self.first, fourth), "migration 0003_third is missing"),
                (migrator(renamed, third), "migration 0001_first is missing"),
                (migrator(Self.first, Self.second, third), "migration 0002_second is out of order"),
                (migrator(Self.first, third, twin), "migration 0003_twin has the same number as 0003_third"),
                (migrator(third, Self.first), "migration 0001_first is out of order"),
            ]
            for (migrator, words) in cases {
                for attempt in ["run", "rehearse", "status"] {
                    let error = try await #require(throws: PostgresError.self) {
                        switch attempt {
                        case "run": _ = try await migrator.run(on: connection)
                        case "rehearse": _ = try await migrator.rehearse(on: connection)
                        default: _ = try await migrator.status(on: connection)
                        }
                    }
                    #expect(error.code == .migration)
                    #expect(error.message.hasPrefix(words))
                }
            }
            let after = try await text("SELECT * FROM rollcall_migrations", connection) + (try await tables(connection))
            #expect(after == before)
        }
    }

    @Test func `A rehearsal runs pending migrations, finds one that would fail, and leaves nothing`() async throws {
        try await withConnections { connection, _ in
            #expect(try await migrator(Self.first, Self.second).rehearse(on: connection) == [Self.first, Self.second])
            let error = try await #require(throws: PostgresError.self) {
                try await migrator(Self.first, Self.failing).rehearse(on: connection)
            }
            #expect(error.message.contains("0003_failing failed"))
            #expect(try await tables(connection) == "")
        }
    }

    @Test func `The status is the time of each applied migration, or pending, and reading it changes nothing`()
        async throws
    {
        try await withConnections { connection, _ in
            let migrator = migrator(Self.first, Self.second)
            #expect(try await migrator.status(on: connection).map(\.state) == [.pending, .pending])
            #expect(try await tables(connection) == "")
            _ = try await self.migrator(Self.first).run(on: connection)
            let states = try await migrator.status(on: connection)
            #expect(states.map(\.migration) == [Self.first, Self.second])
            #expect(states[1].state == .pending)
            #expect("\(states[0].state)".wholeMatch(of: /applied \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) != nil)
        }
    }
}
