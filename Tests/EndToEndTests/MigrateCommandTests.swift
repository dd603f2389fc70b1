// Rollcall · EndToEndTests

import LocalServices
import TestSupport
import Testing

@Suite("rollcall migrate")
struct MigrateCommandTests {
    private func migrate(_ url: String, _ arguments: String...) async throws -> Command.Outcome {
        try await RollcallProcess.run(["migrate"] + arguments, environment: ["ROLLCALL_DATABASE_URL": url])
    }

    @Test func `migrate shows what is pending, tries it, applies it once, and shows when`() async throws {
        try await withPostgres { url in
            #expect(try await migrate(url, "--status").output == "0001_profiles  pending\n")
            #expect(try await migrate(url, "--dry-run").output == "0001_profiles  would be applied\n")
            #expect(try await migrate(url, "--status").output == "0001_profiles  pending\n")
            #expect(try await migrate(url).output == "0001_profiles  applied\n")
            #expect(try await migrate(url).output == "nothing to do\n")
            #expect(try await migrate(url, "--dry-run").output == "nothing to do\n")
            let status = try await migrate(url, "--status")
            #expect(status.output.wholeMatch(of: /0001_profiles  applied \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n/) != nil)
            #expect(status.code == 0)
            #expect(status.errors == "")
        }
    }

    @Test func `Two migrate commands at once apply a migration once`() async throws {
        try await withPostgres { url in
            async let here = migrate(url)
            async let there = migrate(url)
            let outcomes = try await [here, there]
            #expect(outcomes.map(\.code) == [0, 0])
            #expect(outcomes.map(\.output).sorted() == ["0001_profiles  applied\n", "nothing to do\n"])
        }
    }

    @Test(arguments: [[], ["--dry-run"]])
    func `A migration that fails or was edited is named, with PostgreSQL's reason`(flags: [String]) async throws {
        try await withPostgres { url in
            let server = try await SharedPostgres.postgres
            let name = try #require(url.firstMatch(of: /\/\/\/(\w+)/)).1
            try await server.psql("CREATE TABLE profiles (id int)", database: String(name))
            let failing = try await RollcallProcess.run(["migrate", "--database-url", url] + flags)
            #expect(failing.code == 1)
            #expect(failing.errors.contains("ROLLCALL_PROFILES_TABLE names another one"))
            #expect(failing.errors.hasPrefix("rollcall: migration 0001_profiles failed: "))
            #expect(failing.errors.contains("already exists"))
            #expect(failing.errors.contains("42P07"))
            #expect(failing.output == "")

            try await server.psql("DROP TABLE profiles", database: String(name))
            #expect(try await migrate(url).code == 0)
            try await server.psql("UPDATE rollcall_migrations SET checksum = 'other'", database: String(name))
            let edited = try await RollcallProcess.run(["migrate", "--database-url", url] + flags)
            #expect(edited.code == 1)
            #expect(edited.errors.hasPrefix("rollcall: migration 0001_profiles was edited"))
        }
    }

    @Test func `if another program has the table, the migration, the node and its listener use another name`()
        async throws
    {
        try await withPostgres { url in
            let server = try await SharedPostgres.postgres
            let name = String(try #require(url.firstMatch(of: /\/\/\/(\w+)/)).1)
            try await server.psql("CREATE TABLE profiles (id int)", database: name)
            let missing = try await migrate(url, "--profiles-table", "app.members")
            #expect(missing.code == 1 && missing.errors.contains("CREATE SCHEMA \"app\""))
            try await server.psql("CREATE SCHEMA app", database: name)
            #expect(try await migrate(url, "--profiles-table", "app.members").output == "0001_profiles  applied\n")
            try await server.psql("INSERT INTO app.members VALUES ('alice', '{\"name\": \"A\"}')", database: name)
            let settings = [
                "ROLLCALL_DATABASE_URL": url, "ROLLCALL_PROFILES_TABLE": "app.members",
                "ROLLCALL_REDIS_PREFIX": uniquePrefix(),
            ]
            try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
                let path = RollcallClient.path(topic: "lobby", "presences")
                _ = try await node.client.put(path + "/alice/s", "{}")
                try await eventually("the data") {
                    try await node.client.get(path).json["presences"]?["alice"]?["user"]?["name"] == "A"
                }
                try await eventually("listening") { node.log.contains("enrichment: listening for changes") }
                try await server.psql("UPDATE app.members SET data = '{\"name\": \"B\"}'", database: name)
                try await eventually("the new data") {
                    try await node.client.get(path).json["presences"]?["alice"]?["user"]?["name"] == "B"
                }
            }
        }
    }

    @Test func `Without a database that answers, migrate ends with the reason and shows no password`() async throws {
        let unset = try await RollcallProcess.run(["migrate"])
        #expect(unset.code == 64)
        #expect(unset.errors.contains("ROLLCALL_DATABASE_URL"))
        let away = try await migrate("postgresql://user:hunter2@127.0.0.1:1/db?sslmode=disable")
        #expect(away.code == 69)
        #expect(away.errors.contains("cannot connect"))
        #expect(!away.errors.contains("hunter2"))
        let both = try await migrate("postgresql:///db", "--status", "--dry-run")
        #expect(both.code == 64)
    }
}
