// Rollcall · EndToEndTests

import LocalServices
import TestSupport
import Testing

/// Entries with data from a real PostgreSQL, over the wire.
@Suite("The fetch hook")
struct FetchHookTests {
    private let list = RollcallClient.path(topic: "lobby", "presences")
    private let stream = RollcallClient.path(topic: "lobby", "events")

    private func settings(_ database: String, _ more: [String: String] = [:]) -> [String: String] {
        ["ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_DATABASE_URL": database].merging(more) { _, given in given }
    }

    private func migrate(_ database: String) async throws {
        let outcome = try await RollcallProcess.run(["migrate"], environment: ["ROLLCALL_DATABASE_URL": database])
        #expect(outcome.code == 0, "\(outcome.errors)")
    }

    private func profile(_ key: String, _ name: String) -> String {
        """
        INSERT INTO profiles VALUES ('\(key)', '{"name": "\(name)"}')
        ON CONFLICT (key) DO UPDATE SET data = excluded.data
        """
    }

    /// The user's name in the next event with a join of `key`, or what the entry has instead.
    private func nextName(of key: String, in stream: SSEClient) async throws -> String? {
        while true {
            let event = try await stream.next()
            let entries = event.name == "presence_state" ? try event.json : try event.json["joins"]
            if let entry = entries?[key] { return entry["user"]?["name"]?.string ?? "\(entry["enriched"] ?? "bare")" }
        }
    }

    @Test func `Streams of two nodes, and a stream that resumes later, show an updated profile`()
        async throws
    {
        try await withPostgres { database in
            try await migrate(database)
            try await psql(database, profile("alice", "Alice"))
            // The standard rule, with a time-out that is long enough for a busy machine.
            let rules =
                #"[{"field":"user","timeout_ms":10000,"query":"SELECT key, data FROM profiles WHERE key = ANY($1)"}]"#
            let (redis, settings) = (try await SharedRedis.url, settings(database, ["ROLLCALL_FETCH_RULES": rules]))
            try await withRollcall(redis: redis, environment: settings) { one in
                try await withRollcall(redis: redis, environment: settings) { two in
                    _ = try await one.client.put(list + "/alice/laptop", #"{"meta":{"status":"here"}}"#)
                    _ = try await one.client.put(list + "/alice/phone", "{}")
                    let streams = [try await one.client.events(stream), try await two.client.events(stream)]
                    let away = try await two.client.events(stream)
                    var folds = [FoldedPresence(), FoldedPresence(), FoldedPresence()]
                    for index in 0..<2 { try folds[index].receive(try await streams[index].next("presence_state")) }
                    let seen = try await away.next("presence_state")
                    try folds[2].receive(seen)
                    #expect(folds[2].entries["alice"]?.fields["user"]?["name"] == "Alice")
                    let metas = folds[0].roster
                    await away.close()

                    try await psql(database, profile("alice", "Alicia"))
                    let back = try await two.client.events(stream, lastEventID: seen.id)
                    for (index, stream) in (streams + [back]).enumerated() {
                        while folds[index].entries["alice"]?.fields["user"]?["name"] != "Alicia" {
                            try folds[index].receive(try await stream.next())
                        }
                    }
                    for fold in folds {
                        #expect(fold.entries["alice"]?.fields["user"]?["name"] == "Alicia")
                        #expect(fold.roster == metas)
                    }
                    for node in [one, two] {
                        let listed = try await node.client.get(list)
                        #expect(try listed.json["presences"]?["alice"]?["user"]?["name"] == "Alicia")
                    }
                }
            }
        }
    }

    @Test func `An invalidation at one node updates the streams of all nodes`() async throws {
        try await withPostgres { database in
            try await psql(database, "CREATE TABLE people (id bigint PRIMARY KEY, name text)")
            try await psql(database, "INSERT INTO people VALUES (7, 'Grace')")
            let rules = #"""
                [{"field":"user","topics":"lob*","ttl":3600,"timeout_ms":10000,
                  "query":"SELECT id, jsonb_build_object('name', name) FROM people WHERE id = ANY($1::bigint[])"},
                 {"field":"room","timeout_ms":10000,"query":"SELECT k, to_jsonb($2 || ' of ' || k) FROM unnest($1) k"}]
                """#
            let (redis, settings) = (try await SharedRedis.url, settings(database, ["ROLLCALL_FETCH_RULES": rules]))
            try await withRollcall(redis: redis, environment: settings) { one in
                try await withRollcall(redis: redis, environment: settings) { two in
                    _ = try await one.client.put(list + "/7/s", "{}")
                    let streams = [try await one.client.events(stream), try await two.client.events(stream)]
                    for stream in streams { #expect(try await nextName(of: "7", in: stream) == "Grace") }
                    let entry = try await one.client.get(list + "/7").json
                    #expect(entry["room"] == "lobby of 7")
                    try await psql(database, "UPDATE people SET name = 'Grace Hopper'")
                    let answer = try await two.client.post("/v1/enrichment/invalidations", #"{"keys":["7"]}"#)
                    #expect(answer.status == 202)
                    for stream in streams { #expect(try await nextName(of: "7", in: stream) == "Grace Hopper") }
                }
            }
        }
    }

    /// PostgreSQL is frozen, then killed, then ends all its sessions.
    ///
    /// Each time presence goes on, entries have `enriched: false`, and streams get the data when PostgreSQL is back.
    @Test
    func `A failing PostgreSQL delays presence by its time-out at most, and streams get the data when it is back`()
        async throws
    {
        try await withLocalPostgres { postgres in
            try await migrate(postgres.url)
            for number in 0..<8 { try await postgres.psql(profile("user\(number)", "Name \(number)")) }
            let settings = settings(postgres.url)
            try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
                let client = node.client
                let stream = try await client.events(stream)
                _ = try await stream.next("presence_state")
                var number = 0
                func join() async throws -> String {
                    defer { number += 1 }
                    _ = try await client.put(list + "/user\(number)/s", #"{"ttl":300}"#)
                    return "user\(number)"
                }
                let first = try await nextName(of: try await join(), in: stream)
                if first != "Name 0" { try await expectData(of: 0...0, sentTo: stream, by: client) }

                postgres.pause()
                for _ in 0..<4 {
                    let start = ContinuousClock.now
                    let key = try await join()
                    #expect(try await nextName(of: key, in: stream) == "false")
                    #expect(ContinuousClock.now - start < .milliseconds(250) + .seconds(4) * patience)
                }
                try await eventually { try await client.get("/readyz").json["status"] == "degraded" }
                let listed = try await client.get(list).json["presences"]
                #expect(listed?["user0"]?["user"]?["name"] == "Name 0")
                #expect(listed?["user1"]?["enriched"] == false)
                #expect(try await client.get("/metrics").text.contains(#"rollcall_fetch_breaker_open{field="user"} 1"#))
                postgres.resume()
                try await expectData(of: 1...4, sentTo: stream, by: client)

                await postgres.kill()
                let key = try await join()
                #expect(try await nextName(of: key, in: stream) == "false")
                try await postgres.restart()
                try await expectData(of: 5...5, sentTo: stream, by: client)

                try await postgres.psql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
                let last = try await join()
                let name = try await nextName(of: last, in: stream)
                if name != "Name 6" { try await expectData(of: 6...6, sentTo: stream, by: client) }
                try await eventually("listening again") {
                    let log = node.log
                    return log.ranges(of: "enrichment: listening for changes").count >= 3
                }
                try await postgres.psql(profile("user0", "Zero"))
                #expect(try await nextName(of: "user0", in: stream) == "Zero")

                postgres.pause()
                _ = try await join()
                let exit = await node.terminate()
                #expect(exit == .exited(0))
                postgres.resume()
            }
        }
    }

    /// Waits until each key that was sent without data is sent with it, once.
    private func expectData(of numbers: ClosedRange<Int>, sentTo stream: SSEClient, by client: RollcallClient)
        async throws
    {
        var missing = Set(numbers.map { "user\($0)" })
        while !missing.isEmpty {
            let diff = try await stream.next("presence_diff").json
            #expect(diff["leaves"]?.object?.isEmpty == true)
            for (key, entry) in diff["joins"]?.object ?? [:] where missing.remove(key.text) != nil {
                #expect(entry["user"]?["name"]?.string == "Name \(key.text.dropFirst(4))")
                #expect(entry["enriched"] == nil)
            }
        }
        try await eventually { try await client.get("/readyz").json["status"] == "ready" }
    }

    @Test func `Data that breaks one entry breaks no other, and other data arrives unchanged`() async throws {
        let keys = [#"it's"#, #"back\slash"#, #"{"brace"}"#, #"a,b"#, "😀", #"NULL"#, "\"", "$1"]
        try await withPostgres { database in
            try await psql(database, "CREATE TABLE people (key text PRIMARY KEY, data text)")
            for key in keys {
                try await psql(database, "INSERT INTO people VALUES ($$\(key)$$, to_json($$\(key)$$::text)::text)")
            }
            try await psql(
                database, "INSERT INTO people VALUES ('broken', '{\"a\":'), ('null', NULL), ('two lines', E'[1,\\n2]')")
            try await psql(
                database,
                "INSERT INTO people VALUES ('huge', to_json(repeat('x', 100000))::text); "
                    + "INSERT INTO people SELECT 'other' || n, '1' FROM generate_series(1, 10000) n")
            let deep = String(repeating: "[", count: 33) + String(repeating: "]", count: 33)
            try await psql(
                database,
                #"INSERT INTO people VALUES ('half', '{"a":"\ud83d\u0000"}'), ('lines', '"' || chr(8232) || chr(133) || '"'), "#
                    + #"('twice', '{"a":1,"a":2}'), ('deep', '\#(deep)'), ('deepest', '\#(deep.dropFirst().dropLast())')"#
            )
            let rules =
                #"[{"field":"user","timeout_ms":10000,"query":"SELECT key, data FROM people WHERE key = ANY($1)"}]"#
            let settings = settings(database, ["ROLLCALL_FETCH_RULES": rules])
            try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
                let odd = ["half", "lines", "twice", "deep", "deepest"]
                for key in keys + odd + ["broken", "null", "two lines", "huge", "absent"] {
                    let path = RollcallClient.path(topic: "lobby", "presences", key, "s")
                    #expect(try await node.client.put(path, "{}").status == 201)
                }
                let presences = try await node.client.get(list).json["presences"]
                for key in keys { #expect(presences?[key]?["user"]?.string == key) }
                #expect(presences?["two lines"]?["user"] == [1, 2])
                #expect(presences?["half"]?["user"]?["a"]?.string == "\u{FFFD}\u{FFFD}")
                #expect(presences?["lines"]?["user"]?.string == "\u{2028}\u{85}")
                #expect(try await node.client.get(list).text.contains(#""user":"\u2028\u0085""#))
                #expect(presences?["deepest"]?["user"] != nil)
                for key in ["broken", "huge", "twice", "deep"] { #expect(presences?[key]?["enriched"] == false) }
                for key in ["null", "absent"] {
                    #expect(
                        presences?[key]?["user"] == nil && presences?[key]?["enriched"] == nil)
                }
                #expect(try await node.client.get("/readyz").json["status"] == "ready")
            }
        }
    }

    @Test(
        arguments: [
            "SELECT k, to_jsonb(pg_sleep(60)::text) FROM unnest($1) k",
            "SELECT k, to_jsonb(1 / (length(k) - length(k))) FROM unnest($1) k",
            "SELECT k || n, to_jsonb(n) FROM unnest($1) k, generate_series(1, 100000) n",
        ])
    func `A query that sleeps, raises or returns too much leaves entries without data, and presence complete`(
        query: String
    )
        async throws
    {
        try await withPostgres { database in
            let rules = "[{\"field\":\"user\",\"query\":\"\(query)\"}]"
            let settings = settings(database, ["ROLLCALL_FETCH_RULES": rules])
            try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
                let stream = try await node.client.events(stream)
                for number in 0..<5 {
                    let start = ContinuousClock.now
                    _ = try await node.client.put(list + "/user\(number)/s", "{}")
                    #expect(try await nextName(of: "user\(number)", in: stream) == "false")
                    #expect(ContinuousClock.now - start < .milliseconds(250) + .seconds(4) * patience)
                }
                let whole = try await node.client.get(list).json["presences"]
                #expect(whole?.object?.count == 5)
            }
        }
    }

    @Test(
        arguments: [
            ("SELECT key FROM pg_class, unnest($1) key", "has 1 column, needs two"),
            ("SELECT relname, oid FROM pg_class WHERE relname = ANY($1)", "its second column is oid"),
            ("SELECT a, a FROM nowhere WHERE a = ANY($1)", #"relation "nowhere" does not exist"#),
            ("SELECT $1, $2, $3", "parameter"), ("SELEC $1", "syntax error"),
        ])
    func `A node does not start with a rule that its database refuses, and shows the query and the reason`(
        query: String, reason: String
    ) async throws {
        try await withPostgres { database in
            let rules = "[{\"field\":\"user\",\"query\":\"\(query)\"}]"
            let outcome = try await RollcallProcess.run(
                ["serve"],
                environment: settings(
                    database, ["ROLLCALL_FETCH_RULES": rules, "ROLLCALL_REDIS_URL": try await SharedRedis.url]))
            #expect(outcome.code == 64)
            #expect(outcome.errors.contains(reason) && outcome.errors.contains(query), "\(outcome.errors)")
        }
    }

    @Test func `An empty list of rules disables the fetch hook`() async throws {
        try await withPostgres { database in
            let settings = settings(database, ["ROLLCALL_FETCH_RULES": "[]"])
            try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
                let ready = try await node.client.get("/readyz").json
                #expect(ready["status"] == "ready")
            }
        }
    }

    @Test func `Without the table of profiles a node does not start, and names rollcall migrate`() async throws {
        try await withPostgres { database in
            let outcome = try await RollcallProcess.run(
                ["serve"], environment: settings(database, ["ROLLCALL_REDIS_URL": try await SharedRedis.url]))
            #expect(outcome.code == 64)
            #expect(outcome.errors.contains("rollcall migrate"), "\(outcome.errors)")
        }
    }

    @Test func `A node starts while its database is away, and enriches entries when the database is back`() async throws
    {
        try await withLocalPostgres { postgres in
            try await migrate(postgres.url)
            try await postgres.psql(profile("alice", "Alice"))
            await postgres.halt()
            try await withRollcall(redis: try await SharedRedis.url, environment: settings(postgres.url)) { node in
                let stream = try await node.client.events(stream)
                #expect(try await node.client.get("/readyz").json["status"] == "degraded")
                _ = try await node.client.put(list + "/alice/s", "{}")
                #expect(try await nextName(of: "alice", in: stream) == "false")
                try await postgres.restart()
                #expect(try await nextName(of: "alice", in: stream) == "Alice")
            }
        }
    }

    private func psql(_ database: String, _ sql: String) async throws {
        let postgres = try await SharedPostgres.postgres
        let name = database.dropFirst("postgresql:///".count).prefix { $0 != "?" }
        _ = try await postgres.psql(sql, database: String(name))
    }
}
