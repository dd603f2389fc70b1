// Rollcall · EnrichmentTests

import Logging
import LocalServices
import Postgres
import PresenceModel
import TestSupport
import Testing

@testable import Enrichment

@Suite("Listening for changes on a real database")
struct ChangeListenerTests {
    @Test func `A change of the table is fetched and reported; a key without known data is reported too`() async throws
    {
        try await withListener { database, connection in
            try await connection.put([("a", "1"), ("b", "1")])
            try await eventually { database.running.reported.count == 2 }
            _ = await database.hook.fetch(keys("a", "b", "c"), leaving: [], on: topic("room"))

            try await connection.put([("a", "2"), ("c", "1")])
            try await connection.run("DELETE FROM profiles WHERE key = 'b'")
            try await eventually("the changes") {
                shown(database, "a") == #","user":2"# && shown(database, "b") == nil
                    && shown(database, "c") == #","user":1"#
            }
            try await eventually { database.running.reported == Set(keys("a", "b", "c")) }
        }
    }

    @Test func `A notification carries each key unchanged, with any characters`() async throws {
        let names = [#"'""#, #"\"#, "{,}", "👩‍👩‍👧", "u\u{308}", " a ", String(repeating: "ü", count: 128)]
        try await withListener { database, connection in
            _ = await database.hook.fetch(names.map(key), leaving: [], on: topic("room"))
            try await connection.put(names.map { ($0, "1") })
            try await eventually { database.running.reported == Set(names.map(key)) }
        }
    }

    @Test func `A payload that is not a key is ignored`() async throws {
        try await withListener { database, connection in
            _ = await database.running.shown("a")
            for payload in ["", String(repeating: "x", count: 257), "a\nb"] {
                _ = try await connection.query(
                    "SELECT pg_notify($1, $2)", [.text(ChangeListener.channel), .text(payload)], timeout: .seconds(60))
            }
            try await connection.put([("a", "1")])
            try await eventually { database.running.reported == Set(keys("a")) }
        }
    }

    @Test func `A change while the listener has no session is fetched after the reconnect`() async throws {
        try await withListener { database, connection in
            try await connection.put([("a", "1")])
            try await eventually { database.running.reported == Set(keys("a")) }
            let before = await database.running.shown("a")
            #expect(before == #","user":1"#)
            try await connection.run(
                """
                BEGIN;
                ALTER TABLE profiles DISABLE TRIGGER ALL;
                UPDATE profiles SET data = '2';
                ALTER TABLE profiles ENABLE TRIGGER ALL;
                COMMIT;
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE 'LISTEN%';
                """)
            try await eventually("the missed change") {
                shown(database, "a") == #","user":2"#
            }
        }
    }

    @Test func `The pauses between attempts grow to a second, and only the first failure of a row is marked as first`()
    {
        var attempts = ListenerAttempts()
        let pauses = (0..<7).map { _ in attempts.pause(lived: .zero, jitter: 1) }
        #expect(pauses.map(\.pause) == [50, 100, 200, 400, 800, 1_000, 1_000].map(Duration.milliseconds))
        #expect(pauses.map(\.isFirst) == [true, false, false, false, false, false, false])
        let (pause, isFirst) = attempts.pause(lived: .seconds(5), jitter: 0.5)
        #expect(pause == .milliseconds(25) && isFirst)
    }

    private func shown(_ database: DatabaseHook, _ name: String) -> String? {
        database.hook.known([key(name)], leaving: [], on: topic("room"))?.text(name)
    }

    /// Passes the body a hook with a listener that already listens.
    private func withListener(
        _ body: (DatabaseHook, PostgresConnection) async throws -> Void
    ) async throws {
        try await withProfiles { url, connection in
            try await DatabaseHook.with(url: url) { database in
                let log = Recorder<String>()
                let listener = ChangeListener(
                    url: try PostgresURL(url), hook: database.hook, pool: database.pool, logger: log.logger(from: .info)
                )
                try await withThrowingTaskGroup { group in
                    group.addTask { try await listener.run() }
                    defer { group.cancelAll() }
                    try await eventually("listening") { log.all.contains { $0.contains("listening for changes") } }
                    try await body(database, connection)
                }
            }
        }
    }
}
