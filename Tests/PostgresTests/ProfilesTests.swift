// Rollcall · PostgresTests

import Postgres
import TestSupport
import Testing

@Suite("The table of profiles")
struct ProfilesTests {
    /// Runs statements on a new, migrated database and returns the notified keys.
    private func notified(by statements: [String], after preparation: [String] = []) async throws -> [String] {
        try await withPostgres { text in
            let url = try PostgresURL(text)
            let listener = try await PostgresConnection.connect(to: url, timeout: .seconds(60))
            let writer = try await PostgresConnection.connect(to: url, timeout: .seconds(60))
            _ = try await Migrator(logger: Recorder().logger).run(on: writer)
            for statement in preparation { try await writer.execute(statement, timeout: .seconds(60)) }
            try await listener.listen(to: "rollcall_profiles")
            for statement in statements + ["NOTIFY rollcall_profiles, 'the end'"] {
                try await writer.execute(statement, timeout: .seconds(60))
            }
            var keys: [String] = []
            while keys.last != "the end" {
                let batch = try await listener.notifications(within: .seconds(60))
                keys += batch.map(\.payload)
                guard !batch.isEmpty else { break }
            }
            listener.close()
            writer.close()
            return keys.dropLast()
        }
    }

    @Test func `An insert, a delete and an update of the data notify the key, with any text in it`() async throws {
        let keys = try await notified(by: [
            #"INSERT INTO profiles VALUES ('a', '1'), ('it''s "{é🙂\\}', '2')"#,
            "UPDATE profiles SET data = '3' WHERE key = 'a'",
            "DELETE FROM profiles WHERE key = 'a'",
        ])
        #expect(keys == ["a", #"it's "{é🙂\\}"#, "a", "a"])
    }

    @Test func `A change of a key notifies the old and the new key`() async throws {
        let keys = try await notified(
            by: ["UPDATE profiles SET key = 'b'"], after: ["INSERT INTO profiles VALUES ('a', '1')"])
        #expect(keys == ["a", "b"])
    }

    @Test func `An update that keeps key and data sends no notification`() async throws {
        let keys = try await notified(
            by: ["UPDATE profiles SET data = '1'", "UPDATE profiles SET updated_at = now() - interval '1 day'"],
            after: ["INSERT INTO profiles VALUES ('a', '1')"])
        #expect(keys == [])
    }

    @Test func `A TRUNCATE notifies every key, also with a search path that does not find the table`() async throws {
        let keys = try await notified(
            by: ["SET search_path = pg_catalog", "TRUNCATE public.profiles"],
            after: ["INSERT INTO profiles VALUES ('a', '1'), ('b', '2'), (repeat('x', 8000), '3')"])
        #expect(keys.sorted() == ["a", "b"])
    }

    @Test func `A key that is too long for a notification can still be written`() async throws {
        let keys = try await notified(by: [
            "INSERT INTO profiles VALUES (repeat('x', 8000), '1')", "DELETE FROM profiles",
        ])
        #expect(keys == [])
    }

    @Test func `An update moves updated_at, unless it changes nothing`() async throws {
        try await withPostgres { text in
            let connection = try await PostgresConnection.connect(to: PostgresURL(text), timeout: .seconds(60))
            _ = try await Migrator(logger: Recorder().logger).run(on: connection)
            let past = "timestamptz '2001-01-01 00:00:00Z'"
            try await connection.execute("INSERT INTO profiles VALUES ('a', '1', \(past))", timeout: .seconds(60))
            func isPast() async throws -> Bool {
                let result = try await connection.query(
                    "SELECT 1 FROM profiles WHERE updated_at = \(past)", timeout: .seconds(60))
                return !result.rows.isEmpty
            }
            try await connection.execute("UPDATE profiles SET data = '1'", timeout: .seconds(60))
            #expect(try await isPast())
            try await connection.execute("UPDATE profiles SET data = '2'", timeout: .seconds(60))
            #expect(try await !isPast())
            connection.close()
        }
    }
}
