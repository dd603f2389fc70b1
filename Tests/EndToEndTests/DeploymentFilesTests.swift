// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing
import Yams

@testable import rollcall

/// Checks the deployment files without a Docker engine.
///
/// They are well formed, and every path, port, service and setting that they name exists. A real proxy runs with its
/// configuration.
@Suite("The deployment files")
struct DeploymentFilesTests {
    private static let root = URL(fileURLWithPath: repository)

    private let compose: Compose
    private let dockerfile: Dockerfile

    init() throws {
        self.compose = try Compose(Self.text("docker-compose.yml"))
        self.dockerfile = try Dockerfile(Self.text("Dockerfile"))
    }

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: Self.root.appendingPathComponent(path), encoding: .utf8)
    }

    private static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: Self.root.appendingPathComponent(path).path)
    }

    /// All `ROLLCALL_*` names that `rollcall serve --help` has.
    private static func settings() async throws -> Set<String> {
        let help = try await RollcallProcess.run(["serve", "--help"]).output
        let names = Set(help.matches(of: /ROLLCALL_[A-Z_]+[A-Z]/).map { String($0.0) })
        try #require(names.contains("ROLLCALL_REDIS_URL"))
        return names
    }

    @Test func `docker-compose.yml has only keys of the Compose specification`() throws {
        #expect(self.compose.problems == [])
        #expect(Set(self.compose.services.keys) == ["redis", "postgres", "migrate", "node1", "node2", "proxy"])
    }

    @Test func `Every service, volume, network, secret and file that docker-compose.yml names exists`() throws {
        for (name, service) in self.compose.services {
            for other in service.dependencies {
                #expect(self.compose.services[other] != nil, "\(name) depends on \(other)")
            }
            for volume in service.volumes {
                let source = String(volume.prefix { $0 != ":" })
                let exists = source.hasPrefix("./") ? Self.exists(source) : self.compose.volumes.contains(source)
                #expect(exists, "\(name) mounts \(source)")
            }
            for port in service.ports {
                #expect(port.wholeMatch(of: /127\.0\.0\.1:\d{2,5}:\d{2,5}/) != nil, "\(name) publishes \(port)")
            }
            for network in service.networks {
                #expect(self.compose.networks[network] != nil, "\(name) is on \(network)")
            }
            for secret in service.secrets {
                #expect(self.compose.secrets[secret] != nil, "\(name) has \(secret)")
            }
            let paths = service.environment.filter { $0.key.hasSuffix("_FILE") }.values + service.command
            for path in paths where path.hasPrefix("/") {
                #expect(service.secrets.contains { path == "/run/secrets/\($0)" }, "\(name) reads \(path)")
            }
        }
    }

    @Test func `Each service of docker-compose.yml runs as a user without privileges, and cannot write to its image`()
        throws
    {
        for (name, service) in self.compose.services {
            #expect(service.isReadOnly, "\(name)")
            #expect(service.droppedCapabilities == ["ALL"], "\(name)")
            #expect(service.addedCapabilities == (name == "proxy" ? ["NET_BIND_SERVICE"] : []), "\(name)")
            #expect(service.securityOptions == ["no-new-privileges:true"], "\(name)")
            let user = try #require(service.user ?? (service.isBuilt ? self.dockerfile.last("USER") : nil), "\(name)")
            #expect(!user.hasPrefix("root") && !user.hasPrefix("0"), "\(name) runs as \(user)")
        }
    }

    @Test func `Only the proxy is published, and Redis and PostgreSQL are on a network that leads nowhere else`() {
        for (name, service) in self.compose.services where name != "proxy" {
            #expect(service.ports.isEmpty, "\(name)")
        }
        for name in ["redis", "postgres"] {
            #expect(self.compose.services[name]?.networks == ["data"], "\(name)")
        }
        #expect(self.compose.networks["data"] == true)
        #expect(self.compose.services["proxy"]?.networks == ["web"])
    }

    @Test func `No node of docker-compose.yml is open, and no service has a secret in its environment`() {
        let secrets = SettingsTable.all.filter(\.isSecret).map(\.environmentName) + ["PGPASSWORD", "POSTGRES_PASSWORD"]
        for (name, service) in self.compose.services {
            #expect(service.environment["ROLLCALL_OPEN"] == nil, "\(name)")
            #expect(secrets.allSatisfy { service.environment[$0] == nil }, "\(name)")
            if name.hasPrefix("node") { #expect(service.environment["ROLLCALL_API_KEYS_FILE"] != nil, "\(name)") }
        }
    }

    @Test func `The database is migrated before the nodes start, and the nodes use that database`() throws {
        let migrate = try #require(self.compose.services["migrate"])
        #expect(migrate.command == ["migrate"])
        #expect(migrate.dependencies == ["postgres"])
        let database = try #require(migrate.environment["ROLLCALL_DATABASE_URL_FILE"])
        for (name, service) in self.compose.services where name.hasPrefix("node") {
            #expect(service.dependencies.contains("migrate"))
            #expect(service.environment["ROLLCALL_DATABASE_URL_FILE"] == database, "\(name)")
        }
    }

    @Test func `The image has the libraries of the program, and its build stage has their headers`() {
        for (library, headers) in [("libhiredis0.14", "libhiredis-dev"), ("libpq5", "libpq-dev")] {
            let stages = self.dockerfile.instructions.filter { $0.name == "RUN" && $0.arguments.contains("apt-get") }
            #expect(stages.first?.arguments.contains(headers) == true)
            #expect(stages.last?.arguments.contains(library) == true)
        }
    }

    @Test func `Every setting that the files give a node exists`() async throws {
        let known = try await Self.settings()
        let used = self.compose.services.values.flatMap(\.environment.keys) + self.dockerfile.environment.keys
        #expect(Set(used.filter { $0.hasPrefix("ROLLCALL_") }).subtracting(known).isEmpty)
    }

    @Test func `Every dependency has an exact version, and every Python tool hashes too`() throws {
        for path in ["Package.swift", "Benchmarks/Package.swift"] {
            let packages = try Self.text(path).split(separator: "\n").filter { $0.contains(".package(") }
            #expect(!packages.isEmpty && packages.allSatisfy { $0.contains(#", exact: ""#) }, "\(path)")
        }
        let tools = try Self.text("scripts/requirements.txt").replacing(" \\\n", with: " ").split(separator: "\n")
        for tool in tools { #expect(tool.contains("==") && tool.contains(" --hash=sha256:"), "\(tool)") }
        for tool in try Self.text("scripts/requirements.in").split(separator: "\n") where !tool.hasPrefix("#") {
            #expect(tools.contains { $0.hasPrefix("\(tool) ") }, "\(tool)")
        }
    }

    @Test func `The Dockerfile is well formed, runs without privileges, and copies files that exist`() throws {
        #expect(self.dockerfile.problems == [])
        #expect(self.dockerfile.instructions.first?.name == "FROM")
        #expect(self.dockerfile.last("USER") == "10001")
        #expect(self.dockerfile.last("ENTRYPOINT") == #"["rollcall"]"#)
        #expect(self.dockerfile.last("CMD") == #"["serve"]"#)
        #expect(self.dockerfile.last("HEALTHCHECK")?.hasSuffix(#"CMD ["rollcall-healthcheck"]"#) == true)
        let ignore = try Self.text(".dockerignore").split(separator: "\n").map(String.init)
        #expect(ignore.first == "*")
        for source in self.dockerfile.copiedSources {
            #expect(Self.exists(source), "COPY \(source)")
            #expect(ignore.contains("!\(source)"), ".dockerignore keeps \(source) out")
        }
    }

    @Test func `The image exposes the port that nodes listen on and the proxy connects to`() async throws {
        let exposed = try #require(self.dockerfile.last("EXPOSE"))
        let help = try await RollcallProcess.run(["serve", "--help"]).output.split(whereSeparator: \.isWhitespace)
            .joined(separator: " ")
        #expect(help.contains("(ROLLCALL_PORT; default: \(exposed))"))
        let caddyfile = try Self.text("deploy/Caddyfile")
        for node in self.compose.services.keys where node.hasPrefix("node") {
            #expect(caddyfile.contains("\(node):\(exposed)"), "the proxy does not know \(node)")
        }
        for port in try #require(self.compose.services["proxy"]).ports {
            #expect(caddyfile.contains(":\(try #require(port.split(separator: ":").last))}"), "\(port)")
        }
    }

    @Test func `The health check passes on a node that listens and fails where none does`() async throws {
        let script = Self.root.appendingPathComponent("deploy/healthcheck").path
        try await withRollcall(redis: SharedRedis.url, environment: ["ROLLCALL_REDIS_PREFIX": uniquePrefix()]) { node in
            let port = try #require(URL(string: node.url)?.port)
            #expect(try await Command.run(script, environment: ["ROLLCALL_PORT": "\(port)"]).code == 0)
        }
        // A node that speaks TLS is asked at its port for operators.
        let operatorPort = try LocalSocket.freePort()
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_OPERATOR_PORT": "\(operatorPort)"]
        try await withRollcall(redis: SharedRedis.url, environment: settings) { _ in
            let environment = ["ROLLCALL_PORT": "1", "ROLLCALL_OPERATOR_PORT": "\(operatorPort)"]
            try await eventually("a passed check") { try await Command.run(script, environment: environment).code == 0 }
        }
        let unusedPort = try LocalSocket.freePort()
        #expect(try await Command.run(script, environment: ["ROLLCALL_PORT": "\(unusedPort)"]).code != 0)
    }

    private static let hasCaddy = (try? Executables.find("caddy", package: (apt: "caddy", brew: "caddy"))) != nil

    @Test(.enabled(if: hasCaddy))
    func `The proxy speaks HTTP/2, forwards events at once, and uses the other node when one stops`() async throws {
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_DRAIN": "0"]
        try await withRollcall(redis: SharedRedis.url, environment: settings) { first in
            try await withRollcall(redis: SharedRedis.url, environment: settings) { second in
                try await self.withProxy(to: [first, second]) { plain, encrypted in
                    let version = try await Command.run(
                        "curl", ["-sk", "--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", encrypted])
                    #expect(version.output == "2 200")

                    let stream = try await plain.events("/v1/topics/room/events")
                    #expect(try await stream.next("presence_state").json == [:])
                    let tracked = try await plain.put("/v1/topics/room/presences/alice/tab", "{}")
                    #expect(tracked.status == 201)
                    let diff = try await stream.next("presence_diff")
                    #expect(try diff.json["joins"]?["alice"] != nil)
                    await stream.close()

                    await first.terminate()
                    for _ in 1...4 {
                        let answer = try await plain.get("/v1/topics/room/presences")
                        #expect(answer.status == 200, "\(answer.status) \(answer.text)")
                    }
                }
            }
        }
    }

    /// Runs Caddy with the unchanged configuration, on free ports, with its certificates in a temporary folder.
    private func withProxy(
        to nodes: [RollcallProcess], _ body: (_ plain: RollcallClient, _ encrypted: String) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let plain = "http://localhost:\(try LocalSocket.freePort())"
        let encrypted = "https://localhost:\(try LocalSocket.freePort())"
        let caddy = try await OwnedProcess.start(
            Executables.find("caddy", package: (apt: "caddy", brew: "caddy")),
            arguments: [
                "run", "--adapter", "caddyfile", "--config", Self.root.appendingPathComponent("deploy/Caddyfile").path,
            ],
            environment: [
                "NODES": nodes.map { $0.url.replacing("http://", with: "") }.joined(separator: " "),
                "HTTP_ADDRESS": plain, "HTTPS_ADDRESS": encrypted, "HOME": folder, "XDG_DATA_HOME": folder,
                "XDG_CONFIG_HOME": folder,
            ])
        let client = RollcallClient(plain)
        // Caddy listens for HTTPS while it still makes the certificate.
        for client in [client, RollcallClient(encrypted)] {
            try await caddy.ready(within: .seconds(120) * patience) {
                (try? await client.send("GET", "/healthz", timeout: .seconds(5)))?.status == 200 ? true : nil
            }
        }
        try await body(client, encrypted + "/healthz")
        await caddy.stop()
    }
}
