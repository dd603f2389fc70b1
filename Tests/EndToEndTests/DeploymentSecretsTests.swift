// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

@testable import rollcall

/// The secrets that deploy/make-secrets makes for docker-compose.yml, with a real Redis, PostgreSQL and node.
@Suite("The secrets of docker-compose.yml")
struct DeploymentSecretsTests {
    private let compose: Compose

    init() throws {
        self.compose = try Compose(Self.text(repository + "/docker-compose.yml"))
    }

    /// Runs deploy/make-secrets in a folder of its own, and lends the folder of the secrets and the key that it prints.
    ///
    /// In place of Docker the script finds a program that runs `rollcall apikey`.
    private func withSecrets(_ body: (_ folder: String, _ key: String) async throws -> Void) async throws {
        let root = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(root) }
        let files = FileManager.default
        try files.createDirectory(atPath: root + "/deploy", withIntermediateDirectories: true)
        let script = root + "/deploy/make-secrets"
        try files.copyItem(atPath: repository + "/deploy/make-secrets", toPath: script)
        let docker = "#!/bin/sh\n[ \"$1\" = build ] || exec '\(try RollcallProcess.executable)' apikey\n"
        try docker.write(toFile: root + "/docker", atomically: true, encoding: .utf8)
        try #require(chmod(root + "/docker", 0o755) == 0)
        let path = "\(root):" + (ProcessInfo.processInfo.environment["PATH"] ?? "")
        let made = try await Command.run("bash", [script], environment: ["PATH": path])
        try #require(made.code == 0, "\(made.errors)")
        try await body(root + "/deploy/secrets", made.output.trimmingCharacters(in: .whitespacesAndNewlines))
        let again = try await Command.run("bash", [script], environment: ["PATH": path])
        #expect(again.code == 1 && again.errors.contains("deploy/secrets exists") && again.output.isEmpty)
        #expect(try files.contentsOfDirectory(atPath: root + "/deploy").sorted() == ["make-secrets", "secrets"])
    }

    private static func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    @Test func `make-secrets makes each secret that docker-compose.yml names, in a folder for its owner only`()
        async throws
    {
        try await withSecrets { folder, _ in
            let made = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(made.sorted() == self.compose.secrets.keys.sorted())
            for (name, file) in self.compose.secrets { #expect(file == "./deploy/secrets/\(name)") }
            let permissions = try FileManager.default.attributesOfItem(atPath: folder)[.posixPermissions] as? Int
            #expect(permissions == 0o700)
            for name in ["redis_url", "database_url"] {
                let url = try Self.text(folder + "/" + name)
                let host = try #require(URL(string: url)?.host)
                #expect(self.compose.services[host] != nil, "\(name) names \(host)")
            }
            let page = try Self.text(repository + "/docs/operations.md")
            let rules = try #require(page.firstMatch(of: /\*\*Users \(ACL\)\*\*:\s+`([^`]+)`/)?.output.1)
            #expect(try Self.text(folder + "/redis_users").hasSuffix(" \(rules)\n"))
        }
    }

    @Test func `A node with these secrets works with its Redis, and answers only callers with the key`() async throws {
        let command = try #require(self.compose.services["redis"]).command
        #expect(command.first == "redis-server" && command.contains("noeviction"))
        try await withSecrets { folder, key in
            let arguments = command.dropFirst().map {
                $0.replacing("/run/secrets/redis_users", with: folder + "/redis_users")
            }
            try await withLocalRedis(port: true, arguments: arguments) { redis in
                let port = try #require(redis.port)
                let url = try Self.text(folder + "/redis_url").replacing("@redis:6379", with: "@127.0.0.1:\(port)")
                let settings = [
                    "ROLLCALL_API_KEYS_FILE": folder + "/api_keys",
                    "ROLLCALL_TOKEN_SECRET_FILE": folder + "/token_secret",
                ]
                try await withRollcall(redis: url, environment: settings) { node in
                    let headers = ["Authorization": "Bearer \(key)"]
                    try await eventually("ready") { try await node.client.get("/readyz").json["status"] == "ready" }
                    let path = RollcallClient.path(topic: "lobby", "presences", "alice", "tab")
                    #expect(try await node.client.put(path, "{}", headers: headers).status == 201)
                    #expect(try await node.client.put(path, "{}").status == 401)
                }
                let answer = try await LocalSocket.answer(from: redis.socketPath, to: "GET rc:nodes\r\n")
                #expect(answer.hasPrefix("-NOPERM"), "without a password Redis answers \(answer)")
            }
        }
    }

    @Test func `The role of the nodes owns its database, and is no superuser`() async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        try "it's a password\n".write(toFile: folder + "/password", atomically: true, encoding: .utf8)
        try await withLocalPostgres { postgres in
            let socket = URL(fileURLWithPath: postgres.socketPath).deletingLastPathComponent().path
            let outcome = try await Command.run(
                repository + "/deploy/postgres-init",
                environment: [
                    "PGHOST": socket, "PGPORT": "5432", "PGUSER": nil, "PGDATABASE": nil, "LC_ALL": "C",
                    "DATABASE_PASSWORD_FILE": folder + "/password",
                ])
            try #require(outcome.code == 0, "\(outcome.errors)")
            let rights = "rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
            let role = try await postgres.psql("SELECT \(rights) FROM pg_roles WHERE rolname = 'rollcall'")
            #expect(role == "t|f|f|f|f|f")

            let url = postgres.url(database: "rollcall").replacing("user=postgres", with: "user=rollcall")
            let migrated = try await RollcallProcess.run(["migrate"], environment: ["ROLLCALL_DATABASE_URL": url])
            #expect(migrated.code == 0, "\(migrated.errors)")
            let owner = try await postgres.psql(
                "SELECT tableowner FROM pg_tables WHERE tablename = 'profiles'", database: "rollcall")
            #expect(owner == "rollcall")
        }
    }
}
