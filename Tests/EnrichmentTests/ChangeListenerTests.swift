// Rollcall · EnrichmentTests

import Logging
import LocalServices
import Postgres
import Presence
import TestSupport
import Testing

@testable import Enrichment

@Suite("Listening to changes of data on a real database")
struct ChangeListenerTests {
    @Test func `What changes in the table is seen and told; what is not known is told too`() async throws {
        try await withListener { database, connection in
            try await connection.put([("a", "1"), ("b", "1")])
            try await eventually { database.running.told.count == 2 }
            _ = await database.hook.fetch(keys("a", "b", "c"), leaving: [], on: topic("room"))

            try await connection.put([("a", "2"), ("c", "1")])
            try await connection.run("DELETE FROM profiles WHERE key = 'b'")
            try await eventually("the changes") {
                shown(database, "a") == #","user":2"# && shown(database, "b") == nil
                    && shown(database, "c") == #","user":1"#
            }
            try await eventually { database.running.told == Set(keys("a", "b", "c")) }
        }
    }

    @Test func `A key goes through a notification as it is, whatever it holds`() async throws {
        let names = [#"'""#, #"\"#, "{,}", "👩‍👩‍👧", "u\u{308}", " a ", String(repeating: "ü", count: 128)]
        try await withListener { database, connection in
            _ = await database.hook.fetch(names.map(key), leaving: [], on: topic("room"))
            try await connection.put(names.map { ($0, "1") })
            try await eventually { database.running.told == Set(names.map(key)) }
        }
    }

    @Test func `A payload that is no key is passed over`() async throws {
        try await withListener { database, connection in
            _ = await database.running.shown("a")
            for payload in ["", String(repeating: "x", count: 257), "a\nb"] {
                _ = try await connection.query(
                    "SELECT pg_notify($1, $2)", [.text(ChangeListener.channel), .text(payload)], timeout: .seconds(60))
            }
            try await connection.put([("a", "1")])
            try await eventually { database.running.told == Set(keys("a")) }
        }
    }

    @Test func `What changes while the listener's session is gone is seen when it is back`() async throws {
        try await withListener { database, connection in
            try await connection.put([("a", "1")])
            try await eventually { database.running.told == Set(keys("a")) }
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
            try await eventually("the change that was missed") {
                shown(database, "a") == #","user":2"#
            }
        }
    }

    @Test func `The pauses between attempts grow to a second, and only the first of a row is news`() {
        var attempts = ListenerAttempts()
        let pauses = (0..<7).map { _ in attempts.pause(lived: .zero, jitter: 1) }
        #expect(pauses.map(\.pause) == [50, 100, 200, 400, 800, 1_000, 1_000].map(Duration.milliseconds))
        #expect(pauses.map(\.isNews) == [true, false, false, false, false, false, false])
        let (pause, isNews) = attempts.pause(lived: .seconds(5), jitter: 0.5)
        #expect(pause == .milliseconds(25) && isNews)
    }

    private func shown(_ database: DatabaseHook, _ name: String) -> String? {
        database.hook.known([key(name)], leaving: [], on: topic("room"))?.text(name)
    }

    /// A hook and a listener that listens already.
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
                    try await eventually("listening") { log.all.contains { $0.contains("Listening") } }
                    try await body(database, connection)
                }
            }
        }
    }
}
