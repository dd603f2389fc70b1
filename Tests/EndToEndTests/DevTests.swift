// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

@testable import rollcall

@Suite("rollcall dev")
struct DevTests {
    /// The URL of its PostgreSQL, from the line that shows how to change a profile.
    static func databaseURL(in log: String) -> String? {
        log.firstMatch(of: /psql '([^']+)'/).map { String($0.1) }
    }

    /// Debian's psql warns if it does not know the locale.
    private static let quiet = ["PGDATABASE": nil, "LC_ALL": "C"]

    /// Runs psql with the URL of the line that `dev` prints.
    private func psql(_ node: RollcallProcess, _ sql: String) async throws -> String {
        try await eventually("the welcome") { Self.databaseURL(in: node.log) != nil }
        let url = try #require(Self.databaseURL(in: node.log))
        let outcome = try await Command.run("psql", [url, "-XAtqc", sql], environment: Self.quiet)
        #expect(outcome.errors == "")
        return outcome.output.trimmingCharacters(in: .newlines)
    }

    @Test func `dev shows a command that works for a table of any name`() async throws {
        let table = try #require(SettingsTable.declared.profilesTable.parse("App.Members"))
        let text = DevCommand.welcome(at: "http://x", psql: "echo", table: table)
        let command = try #require(text.split(separator: "see it change:\n").last?.split(separator: "\n\n").first)
        let outcome = try await Command.run("sh", ["-c", String(command)])
        #expect(outcome.output.hasPrefix(#"-c UPDATE "App"."Members" SET data"#), "\(outcome)")
    }

    @Test(arguments: [("--host", "0.0.0.0"), ("--host", "127.evil.example"), ("--operator-host", "::")])
    func `dev refuses an address outside loopback`(flag: String, host: String) async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let outcome = try await RollcallProcess.run(["dev", "--state", folder, flag, host])
        #expect(outcome.code == 64 && outcome.errors.contains("loopback only, not on \(host);"), "\(outcome.errors)")
    }

    @Test func `dev starts its own Redis, prints the page and a curl line, and stops its Redis at the end`()
        async throws
    {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let node = try await RollcallProcess.start(["dev", "--state", folder])
        try await eventually("the welcome") { node.log.contains("Ctrl-C ends it") }
        #expect(node.log.contains("\(node.url)/?name=Alice"))
        #expect(node.log.contains("curl -N \(node.url)/v1/topics/lobby/events"))
        let ready = try await node.client.get("/readyz")
        #expect(ready.status == 200)
        let names = try await node.client.get("/metrics").text.matches(of: #/(?m)^# TYPE (?<name>\w+)/#).map {
            String($0.output.name)
        }
        #expect(Set(names).subtracting(MetricsHelp.texts.keys) == [])
        #expect(await node.terminate() == .exited(0))
        let socket = String(try #require(node.log.firstMatch(of: /redis=redis\+unix:\/\/(\S+)/)).1)
        #expect(LocalSocket.ask(socket, "PING\r\n") == nil)
    }

    @Test func `The PostgreSQL of dev is migrated, has three profiles, and keeps changed ones until the next start`()
        async throws
    {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        #expect(chmod(folder, 0o711) == 0)
        try await withDev(folder) { node in
            let profiles = try await psql(
                node, "SELECT key, data->>'name', jsonb_object_keys(data) FROM profiles WHERE key = 'Alice' ORDER BY 3")
            #expect(profiles == "Alice|Alice Arden|color\nAlice|Alice Arden|name\nAlice|Alice Arden|title")
            let keys = try await psql(node, "SELECT string_agg(key, ' ' ORDER BY key) FROM profiles")
            #expect(keys == "Alice Bob Carol")
            _ = try await psql(
                node, "UPDATE profiles SET data = '{}' WHERE key = 'Bob'; DELETE FROM profiles WHERE key = 'Carol'")
        }
        try await withDev(folder) { node in
            let profiles = try await psql(
                node, "SELECT string_agg(key, ' ' ORDER BY key) FROM profiles WHERE data <> '{}'")
            #expect(profiles == "Alice Carol")
        }
    }

    @Test func `dev ignores variables for libpq, and the psql line that it prints works beside them`() async throws {
        let foreign = [
            "PGHOST": "nowhere.invalid", "PGHOSTADDR": "127.0.0.1", "PGPORT": "1", "PGSERVICE": "nowhere",
            "PGOPTIONS": "-c nonsense=1", "PGCHANNELBINDING": "require", "PGTARGETSESSIONATTRS": "read-only",
        ]
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        #expect(chmod(folder, 0o711) == 0)
        let node = try await RollcallProcess.start(["dev", "--state", folder], environment: foreign)
        try await eventually("the welcome") { node.log.contains("Ctrl-C ends it") }
        let hint = try #require(node.log.firstMatch(of: /(?m)^ +(.*psql '.*') -c \\$/)).1
        let changed = try await Command.run(
            "sh", ["-c", "\(hint) -XAtqc 'SELECT count(*) FROM profiles'"],
            environment: foreign.merging(["LC_ALL": "C"]) { $1 })
        #expect(changed.output == "3\n")
        #expect(changed.errors == "")
        #expect(await node.terminate() == .exited(0))
    }

    @Test func `dev uses a database that the settings name, and changes nothing in it`() async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        try await withPostgres { url in
            let migrated = try await RollcallProcess.run(["migrate"], environment: ["ROLLCALL_DATABASE_URL": url])
            #expect(migrated.code == 0)
            let node = try await RollcallProcess.start(
                ["dev", "--state", folder], environment: ["ROLLCALL_DATABASE_URL": url])
            try await eventually("the welcome") { node.log.contains("Ctrl-C ends it") }
            #expect(Self.databaseURL(in: node.log) == nil)
            let count = try await Command.run("psql", [url, "-XAtqc", "SELECT count(*) FROM profiles"])
            #expect(count.output == "0\n")
            await node.terminate()
        }
        #expect(!FileManager.default.fileExists(atPath: folder + "/postgres"))
    }

    #if os(Linux)
        @Test func `Without PostgreSQL on the machine dev prints one line, and goes on`() async throws {
            // Root can hide the programs from one process alone.
            let hide = "mount -t tmpfs none /usr/lib/postgresql && exec \"$@\""
            guard try await Command.run("unshare", ["-m", "sh", "-c", hide, "sh", "true"]).code == 0 else { return }
            let folder = try TemporaryFolder.make()
            defer { TemporaryFolder.remove(folder) }
            let node = try await OwnedProcess.start(
                "/usr/bin/unshare",
                arguments: ["-m", "sh", "-c", hide, "sh", try RollcallProcess.executable, "dev", "--state", folder],
                environment: ["ROLLCALL_PORT": "0"])
            try await eventually("the welcome") { node.log.text.contains("Ctrl-C ends it") }
            let lines = node.log.lines.filter { $0.contains("PostgreSQL") }
            #expect(
                lines == [
                    "rollcall: going on without profiles: PostgreSQL is not installed; "
                        + "install it with: apt-get install postgresql"
                ])
            #expect(await node.stop() == .exited(0))
        }
    #endif

    private func withDev(_ folder: String, _ body: (RollcallProcess) async throws -> Void) async throws {
        let node = try await RollcallProcess.start(["dev", "--state", folder])
        try await body(node)
        #expect(await node.terminate() == .exited(0))
    }
}
