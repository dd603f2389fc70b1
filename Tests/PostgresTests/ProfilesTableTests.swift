// Rollcall · PostgresTests

import Testing
import TestSupport

@testable import Postgres

@Suite("The name of the table of profiles")
struct ProfilesTableTests {
    @Test(arguments: [
        "", ".", "a.", ".a", "a.b.c", "a b", "a\"b", "a;b", "1a", "a.1b", "ä", "a\n", String(repeating: "a", count: 41),
        String(repeating: "s", count: 30) + "." + String(repeating: "t", count: 30),
    ])
    func `a name that needs escapes, or that PostgreSQL would cut off, is refused`(name: String) {
        #expect(ProfilesTable(name) == nil)
    }

    @Test
    func `other names in the database are made from the name of the table, and the standard name changes nothing`()
        throws
    {
        let sql = try #require(Migration.rollcall.first).sql
        let standard = try #require(ProfilesTable("profiles"))
        #expect(standard == .standard && standard.naming(in: sql) == sql)
        #expect(standard.channel == "rollcall_profiles" && standard.quoted == "profiles")
        let other = try #require(ProfilesTable("App.Members"))
        #expect(other.channel == "rollcall_App.Members" && other.quoted == #""App"."Members""#)
        let named = other.naming(in: sql)
        #expect(named.ranges(of: #""App"."Members""#).count == 5)
        #expect(named.ranges(of: #"FUNCTION "App"."rollcall_Members_"#).count == 7)
        #expect(named.ranges(of: "'rollcall_App.Members'").count == 3 && !named.contains("'rollcall_profiles'"))
        #expect(!named.contains("FUNCTION rollcall_"))
    }

    @Test func `no standard name is left in any migration's text after naming`() throws {
        let table = try #require(ProfilesTable("App.Members"))
        for migration in Migration.rollcall {
            // A trigger's name belongs to its table.
            let text = table.naming(in: migration.sql).split(separator: "\n")
                .filter { !$0.hasPrefix("--") }.joined(separator: "\n")
                .replacing(/TRIGGER rollcall_profiles_\w+/, with: "")
            #expect(text.ranges(of: /\w*profiles\w*/).map { String(text[$0]) } == [], "\(migration.name)")
        }
    }

    @Test(arguments: ["members", "presence.Profiles"])
    func `beside tables of another program and of another Rollcall, a table is migrated and notifies`(name: String)
        async throws
    {
        try await withConnection { connection in
            try await connection.execute(
                "CREATE TABLE profiles (id int); CREATE SCHEMA presence; CREATE SCHEMA second", timeout: .seconds(10))
            let table = try #require(ProfilesTable(name))
            let logger = Recorder<String>().logger
            #expect(try await Migrator(table: table, logger: logger).run(on: connection).count == 1)
            #expect(try await Migrator(table: table, logger: logger).run(on: connection).isEmpty)
            let second = try #require(ProfilesTable("second.members"))
            #expect(try await Migrator(table: second, logger: logger).run(on: connection).count == 1)

            try await connection.listen(to: table.channel)
            try await connection.execute(
                "INSERT INTO \(second.quoted) VALUES ('other', '1'); INSERT INTO \(table.quoted) VALUES ('mine', '1')",
                timeout: .seconds(10))
            try await connection.execute("TRUNCATE \(table.quoted)", timeout: .seconds(10))
            var keys: [String] = []
            while keys.count < 2 {
                let received = try await connection.notifications(within: .seconds(10) * patience)
                try #require(!received.isEmpty)
                keys += received.map(\.payload)
            }
            #expect(keys == ["mine", "mine"])
        }
    }

    @Test func `a database that was migrated with another name is refused`() async throws {
        try await withConnection { connection in
            let logger = Recorder<String>().logger
            _ = try await Migrator(logger: logger).run(on: connection)
            let other = try #require(ProfilesTable("members"))
            let error = try await #require(throws: PostgresError.self) {
                try await Migrator(table: other, logger: logger).run(on: connection)
            }
            #expect(error.code == .migration && error.message.contains("another name"))
            #expect(error.message.contains("than members"))
        }
    }
}
