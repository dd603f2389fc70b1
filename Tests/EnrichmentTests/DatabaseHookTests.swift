// Rollcall · EnrichmentTests

import JSONText
import Postgres
import PresenceModel
import TestSupport
import Testing

@testable import Enrichment

@Suite("The fetch hook on a real database")
struct DatabaseHookTests {
    private let room = topic("room")

    @Test func `A thousand joins in a second query each key once, with at most one query in ten milliseconds`()
        async throws
    {
        try await withProfiles { url, connection in
            try await connection.put((0..<300).map { ("k\($0)", #"{"n":\#($0)}"#) })
            try await DatabaseHook.with(url: url) { database in
                let start = ContinuousClock.now
                try await withThrowingTaskGroup { group in
                    for number in 0..<1_000 {
                        group.addTask {
                            try await Task.sleep(until: start + .milliseconds(number))
                            let name = "k\(number * 7 % 300)"
                            let fields = await database.hook.fields(key(name), on: topic("room \(number % 50)"))
                            #expect(fields.text(name) == #","user":{"n":\#(name.dropFirst())}"#)
                        }
                    }
                    try await group.waitForAll()
                }
                let asked = database.asked.all
                #expect(asked.flatMap(\.keys).sorted() == (0..<300).map { "k\($0)" }.sorted())
                let span = start.duration(to: try #require(asked.last).time)
                #expect(asked.count <= Int(span / FetchBatcher.window) + 1)
                #expect(database.running.reported.isEmpty)
            }
        }
    }

    @Test func `A query that sleeps delays entries by its time-out until the breaker opens, then not at all`()
        async throws
    {
        let rule = FetchRule(
            field: "user", query: "SELECT k, to_jsonb(pg_sleep(30)::text) FROM unnest($1) k",
            timeout: .milliseconds(100))
        try await withPostgres { url in
            try await DatabaseHook.with([rule], url: url) { database in
                for number in 0..<5 {
                    let start = ContinuousClock.now
                    let shown = await database.running.shown("k\(number)")
                    #expect(shown == #","enriched":false"# && start.duration(to: .now) < .seconds(20))
                }
                try await eventually("the breaker opens") { database.hook.faults.count == 1 }
                let asked = database.asked.all.count
                for number in 0..<100 { _ = await database.running.shown("late \(number)") }
                #expect(!database.asked.all.dropFirst(asked).flatMap(\.keys).contains { $0.hasPrefix("late") })
            }
        }
    }

    @Test func `If a function raises for some keys, only their entries are incomplete`() async throws {
        let rule = FetchRule(field: "user", query: "SELECT k, picky(k) FROM unnest($1) k", timeout: .seconds(10))
        try await withProfiles { url, connection in
            try await connection.run(
                """
                CREATE FUNCTION picky(k text) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN
                    IF k = 'k3' THEN RAISE 'not k3, secret of %', k; END IF;
                    IF k = 'k4' THEN RETURN k::jsonb; END IF;
                    RETURN to_jsonb(k);
                END $$
                """)
            try await DatabaseHook.with([rule], url: url) { database in
                let fields = await database.hook.fetch(keys(0..<8), leaving: [], on: room)
                #expect(fields.incomplete == Set(keys("k3", "k4")))
                #expect(fields.text("k5") == #","user":"k5""#)
                #expect(database.hook.faults.isEmpty && database.asked.all.count <= 16)
            }
        }
    }

    @Test func `Three hundred keys that a cast refuses delay the other keys a little, and the breaker stays closed`()
        async throws
    {
        let rule = FetchRule(
            field: "user", query: "SELECT id, data FROM people WHERE id = ANY($1::bigint[])", timeout: .seconds(10))
        try await withProfiles { url, connection in
            try await connection.run(
                """
                CREATE TABLE people (id bigint PRIMARY KEY, data jsonb);
                INSERT INTO people SELECT n, to_jsonb(n) FROM generate_series(1, 199) n
                """)
            try await DatabaseHook.with([rule], url: url) { database in
                let (good, guests) = ((1..<200).map { key("\($0)") }, (0..<300).map { key("guest-\($0)") })
                var fields = await database.hook.fetch((guests + good).shuffled(), leaving: [], on: room)
                if !fields.incomplete.isDisjoint(with: good) {
                    let late = fields.incomplete.intersection(good)
                    try await eventually("all others are sent") {
                        database.running.reported.isSuperset(of: late)
                    }
                    fields = await database.hook.fetch(guests + good, leaving: [], on: room)
                }
                #expect(fields.incomplete == Set(guests) && fields.text("7") == #","user":7"#)
                #expect(database.asked.all.count < 800)
                #expect(database.hook.faults.isEmpty && database.running.log.all.isEmpty)
            }
        }
    }

    @Test func `No row and NULL give no field, JSON null gives null, and none of them is a failure`() async throws {
        try await withProfiles { url, connection in
            try await connection.run("CREATE TABLE people (key text, data json)")
            try await connection.run("INSERT INTO people VALUES ('none', NULL), ('null', 'null'), (NULL, '1')")
            let rule = FetchRule(
                field: "user", query: "SELECT key, data FROM people WHERE key = ANY($1) OR key IS NULL",
                timeout: .seconds(60))
            try await DatabaseHook.with([rule], url: url) { database in
                let fields = await database.hook.fetch(keys("none", "null", "absent"), leaving: [], on: room)
                #expect(fields.text("none") == nil && fields.text("absent") == nil && fields.incomplete.isEmpty)
                #expect(fields.text("null") == #","user":null"#)
                let known = database.hook.known(keys("none", "absent"), leaving: [], on: room)
                #expect(known == EnrichmentFields.none && database.asked.all.count == 1)
            }
        }
    }

    @Test func `A text that is not JSON makes its key incomplete, and an answer with too many rows is a failure`()
        async throws
    {
        try await withProfiles { url, connection in
            try await connection.run("CREATE TABLE notes (key text, data text)")
            try await connection.run("INSERT INTO notes VALUES ('a', '{\"x\": 1'), ('b', E'{\"x\":\\n 1}')")
            let rules = [
                FetchRule(
                    field: "note", query: "SELECT key, data FROM notes WHERE key = ANY($1)", timeout: .seconds(10)),
                FetchRule(
                    topics: TopicPattern("many")!, field: "many",
                    query: "SELECT $1[1], to_jsonb(n) FROM generate_series(1, 10000) n", timeout: .seconds(10)),
                FetchRule(
                    topics: TopicPattern("endless")!, field: "endless",
                    query: "SELECT $1[1], to_jsonb(generate_series(1, 100000000))", timeout: .seconds(60)),
            ]
            try await DatabaseHook.with(rules, url: url) { database in
                let fields = await database.hook.fetch(keys("a", "b"), leaving: [], on: room)
                #expect(fields.text("a") == #","enriched":false"# && fields.text("b") == #","note":{"x":1}"#)
                let many = await database.running.shown("c", on: topic("many"))
                #expect(many == #","many":10000"#, "the last of ten thousand")
                let start = ContinuousClock.now
                let endless = await database.running.shown("c", on: topic("endless"))
                #expect(endless == #","enriched":false"# && start.duration(to: .now) < .seconds(30))
                let after = await database.running.shown("b", on: topic("endless"))
                #expect(after?.hasPrefix(#","note":{"x":1}"#) == true, "the other rule still works")
            }
        }
    }

    @Test func `Keys reach the database and return unchanged, with any characters`() async throws {
        let names = [
            #"""#, #"\"#, #"\\""#, "{}", "{a,b}", "a,b", "NULL", "'; DROP TABLE profiles; --", "$1", "%s", "👩‍👩‍👧",
            "u\u{308}",
            "ü", " ", "  a  ", "\u{a0}", "\u{feff}", "\u{202e}abc", "\u{2028}", "\u{10ffff}", "\u{e000}", "🏴\u{e0067}",
            String(repeating: "\"\\", count: 128), String(repeating: "ü", count: 128),
        ]
        try await withProfiles { url, connection in
            try await connection.put(names.enumerated().map { ($1, "\($0)") })
            try await DatabaseHook.with(url: url) { database in
                let fields = await database.hook.fetch(names.map(key), leaving: [], on: room)
                for (number, name) in names.enumerated() {
                    #expect(fields.text(name) == #","user":\#(number)"#, "\(name.debugDescription)")
                }
                #expect(fields.incomplete.isEmpty)
            }
        }
    }

    @Test func `If the query takes the topic, a key has its own data on each topic`() async throws {
        let rule = FetchRule(
            field: "role", query: "SELECT k, to_jsonb($2 || ' ' || k) FROM unnest($1) k", timeout: .seconds(10))
        try await withPostgres { url in
            try await DatabaseHook.with([rule], url: url) { database in
                for name in ["'one'", #"{"two"}"#] {
                    let fields = await database.hook.fetch(keys("a"), leaving: [], on: topic(name))
                    let json = try JSONValue(parsing: String((fields.text("a") ?? "").dropFirst(#","role":"#.count)))
                    #expect(json.string == "\(name) a")
                }
            }
        }
    }
}

extension FetchHook {
    /// Reads as a feed does: the known enrichment, or else the fetched one.
    func fields(_ key: Key, on topic: Topic) async -> EnrichmentFields {
        if let known = known([key], leaving: [], on: topic) { return known }
        return await fetch([key], leaving: [], on: topic)
    }
}
