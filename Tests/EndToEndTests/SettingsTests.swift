// Rollcall · EndToEndTests

import Access
import Enrichment
import Foundation
import JSONText
import LocalServices
import Logging
import PresenceFeed
import PresenceServer
import TestSupport
import Testing

@testable import rollcall

@Suite("Settings")
struct SettingsTests {
    private let table = SettingsTable.declared

    @Test func `Flags win over the environment, the environment over the file, the file over the default`() async throws
    {
        let file = try temporaryFile(#"{"port": 1, "grace": "1", "default_ttl": 61, "log_level": "error"}"#)
        defer { try? FileManager.default.removeItem(atPath: file) }
        let reader = try await SettingsReader(
            flags: ["port": "3"], environment: ["ROLLCALL_PORT": "2", "ROLLCALL_GRACE": "2"], file: file)
        #expect(try reader.value(of: table.port) == 3)
        #expect(try reader.value(of: table.grace) == 2)
        #expect(try reader.value(of: table.defaultTTL) == 61)
        #expect(try reader.value(of: table.logLevel) == .error)
        #expect(try reader.value(of: table.host) == "127.0.0.1")
        #expect(try reader.value(of: table.nodeID) == nil)
    }

    @Test func `The environment can name the file`() async throws {
        let file = try temporaryFile(#"{"port": 4321}"#)
        defer { try? FileManager.default.removeItem(atPath: file) }
        let reader = try await SettingsReader(flags: [:], environment: ["ROLLCALL_CONFIG": file])
        #expect(try reader.value(of: table.port) == 4321)
    }

    @Test
    func `Fetch rules may be JSON, a JSON file or a member of the settings file, with the same result`()
        async throws
    {
        let rules = #"[{"topics":"room:*","field":"user","query":"SELECT a, b FROM c WHERE a = ANY($1)","ttl":5}]"#
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        try Data(rules.utf8).write(to: URL(fileURLWithPath: "\(folder)/rules.json"))
        let file =
            #"{"open":true,"redis_url":"redis://localhost","database_url":"postgresql://localhost/x","#
            + #""fetch_rules":\#(rules)}"#
        try Data(file.utf8).write(to: URL(fileURLWithPath: "\(folder)/settings.json"))
        let given = [
            "ROLLCALL_OPEN": "true", "ROLLCALL_REDIS_URL": "redis://localhost",
            "ROLLCALL_DATABASE_URL": "postgresql://localhost/x",
        ]
        for environment in [
            given.merging(["ROLLCALL_FETCH_RULES": rules]) { $1 },
            given.merging(["ROLLCALL_FETCH_RULES": "\(folder)/rules.json"]) { $1 },
            ["ROLLCALL_CONFIG": "\(folder)/settings.json"],
        ] {
            let settings = try Settings(from: try await SettingsReader(flags: [:], environment: environment))
            #expect(settings.fetchRules.map(\.field) == ["user"])
            #expect(settings.fetchRules.first?.ttl == .seconds(5))
        }
        let reader = try await SettingsReader(flags: [:], environment: given)
        let standard = FetchRule(field: "user", query: "SELECT key, data FROM profiles WHERE key = ANY($1)")
        #expect(try Settings(from: reader).fetchRules == [standard])
    }

    @Test(
        arguments: [
            ("[{}]", "fetch rule 1: field is missing"), ("[{\"field\":\"metas\"}]", "cannot be metas"),
            ("/no/such/file", "cannot be read"), ("[", "the fetch rules are not JSON"),
        ])
    func `Fetch rules that cannot be used are refused with the setting and the fault`(rules: String, message: String)
        async throws
    {
        let environment = [
            "ROLLCALL_OPEN": "true", "ROLLCALL_REDIS_URL": "redis://localhost",
            "ROLLCALL_DATABASE_URL": "postgresql://localhost/x",
            "ROLLCALL_FETCH_RULES": rules,
        ]
        let reader = try await SettingsReader(flags: [:], environment: environment)
        let error = try #require(throws: ProgramError.self) { try Settings(from: reader) }
        #expect(error.code == .usage && error.description.contains("ROLLCALL_FETCH_RULES"))
        #expect(error.description.contains(message), "\(error)")
    }

    /// No setting takes "{" where Redis has no TLS and there is no database.
    @Test(arguments: SettingsTable.all)
    func `Each declared setting is read when a node starts`(setting: SettingInfo) async throws {
        let environment = ["ROLLCALL_OPEN": "true", "ROLLCALL_REDIS_URL": "redis://localhost"].merging([
            setting.environmentName: "{"
        ]) { $1 }
        let reader = try await SettingsReader(flags: [:], environment: environment)
        let error = try #require(throws: ProgramError.self) { try Settings(from: reader) }
        #expect(error.code == .usage && error.description.contains(setting.environmentName), "\(error)")
    }

    @Test func `Every default is valid and is that of the options which the setting changes`() async throws {
        let reader = try await SettingsReader(
            flags: [:], environment: ["ROLLCALL_OPEN": "true", "ROLLCALL_REDIS_URL": "redis://localhost"])
        let settings = try Settings(from: reader)
        #expect(settings.port == 4000)
        #expect(settings.maximumStreamQueueBytes == 64 << 20)
        #expect(settings.serverOptions.limits == ServerOptions().limits)
        let (http, times) = (settings.httpOptions, ConnectionTimes())
        #expect(http.times.idleTimeout == times.idleTimeout && http.times.headTimeout == times.headTimeout)
        #expect(http.times.bodyTimeout == times.bodyTimeout && http.times.stuckReaderAge == times.stuckReaderAge)
        #expect(http.bodyBudget == HTTPServer.Options(address: http.address).bodyBudget)
        #expect(http.maximumConnections == nil && settings.tlsFiles == nil && settings.operatorAddress == nil)
        for kind in CallerKind.allCases { #expect(http.limits[kind] == LimitOptions()[kind]) }
        #expect(http.limits.proxies == LimitOptions().proxies)
        let (streams, streamDefaults) = (settings.streamOptions, StreamOptions())
        #expect(streams.pingInterval == streamDefaults.pingInterval && streams.drain == streamDefaults.drain)
        #expect(streams.slowReaderBytes == streamDefaults.slowReaderBytes)
        #expect(streams.slowReaderAge == streamDefaults.slowReaderAge)
        #expect(streams.stuckReaderAge == streamDefaults.stuckReaderAge)
        let (feeds, feedDefaults) = (settings.feedOptions, FeedOptions())
        #expect(feeds.diffWindow == feedDefaults.diffWindow && feeds.maximumTopics == feedDefaults.maximumTopics)
        #expect(feeds.maximumReplayBytes == feedDefaults.maximumReplayBytes)
    }

    @Test(
        arguments: [
            ("ROLLCALL_PORT", "http", #"ROLLCALL_PORT must be a whole number from 0 to 65535, but is "http""#),
            ("ROLLCALL_PORT", "65536", "whole number from 0 to 65535"),
            ("ROLLCALL_BASE_PATH", "presence/", #"must be a path such as /presence: a slash first, none last"#),
            ("ROLLCALL_BASE_PATH", "/v1", #"none of the service's own paths, but is "/v1""#),
            ("ROLLCALL_PORT", "+5", #"but is "+5""#), ("ROLLCALL_ORIGINS", "https://*.example", "origins such as"),
            ("ROLLCALL_USER_LIMITS", "requests=5", "limits such as requests=500/10s,streams=100"),
            ("ROLLCALL_API_KEY_LIMITS", "failures=5/1s", "limits such as requests="),
            ("ROLLCALL_ADDRESS_LIMITS", "connections=0", "limits such as failures=100/10s"),
            ("ROLLCALL_TRUSTED_PROXIES", "proxy.example", "addresses and ranges such as 10.0.0.0/8"),
            ("ROLLCALL_TOKEN_KEYS", "http://issuer.example/keys", "by https:// only"),
            ("ROLLCALL_GRACE", "-1", "whole number from 0 to 60"),
            ("ROLLCALL_GRACE", "5.0", #"but is "5.0""#), ("ROLLCALL_GRACE", "1e1", "whole number from 0 to 60"),
            ("ROLLCALL_GRACE", "99999999999999999999", "whole number from 0 to 60"),
            ("ROLLCALL_GRACE", "5\n6", "but is \"5\u{fffd}6\""), ("ROLLCALL_GRACE", "5 s", "whole number from 0 to 60"),
            ("ROLLCALL_HOST", "http://0.0.0.0", "without scheme and port"),
            ("ROLLCALL_HOST", "0.0.0.0:4000", "without scheme and port"),
            ("ROLLCALL_OPERATOR_PORT", "65536", "whole number from 0 to 65535"),
            ("ROLLCALL_OPERATOR_HOST", "0.0.0.0:1", "without scheme and port"),
            ("ROLLCALL_HOST", "a b", "without scheme and port"), ("ROLLCALL_HOST", "[localhost]", "without scheme"),
            ("ROLLCALL_PROFILES_TABLE", "a.b.c", "or schema.name"),
            ("ROLLCALL_PROFILES_TABLE", "x; DROP TABLE y", "or schema.name"),
            ("ROLLCALL_LOG_LEVEL", "loud", "one of trace, debug, info"),
            ("ROLLCALL_LOG_FORMAT", "xml", "one of text, json"),
            ("ROLLCALL_REDIS_PREFIX", "a{b}", "without braces"),
            ("ROLLCALL_NODE_ID", "a b", "1 to 64 of A-Z"),
            ("ROLLCALL_MIN_TTL", "31", "must not decrease"),
            ("ROLLCALL_DATABASE_URL", "nowhere hunter2", "a postgresql:// URL"),
            ("ROLLCALL_DATABASE_URL", "postgresql://user:hunter2@host/?sslmode=maybe&no=such", "PostgreSQL URL cannot"),
            ("ROLLCALL_FETCH_RULES", "[]", "needs a database"),
            ("ROLLCALL_REDIS_URL", "http://user:hunter2@host", "none of redis, rediss"),
        ])
    func `A wrong value is refused with the setting, the value and the values that are allowed`(
        name: String, value: String, message: String
    )
        async throws
    {
        let environment = ["ROLLCALL_OPEN": "true", "ROLLCALL_REDIS_URL": "redis://localhost"].merging([name: value]) {
            $1
        }
        let reader = try await SettingsReader(flags: [:], environment: environment)
        let error = try #require(throws: ProgramError.self) { try Settings(from: reader) }
        #expect(error.code == .usage)
        #expect(error.description.contains(name))
        #expect(error.description.contains(message))
        #expect(!error.description.contains("hunter2"))
    }

    @Test(
        arguments: [
            (#"{"prt": 1}"#, #"has "prt", but knows only"#), (#"{"prt": 1}"#, #"; did you mean "port"?"#),
            ("[]", "is an array"), (#"{"port": 1"#, "is no JSON"), ("", "is no JSON"), ("port: 1", "is no JSON"),
            (#"{"port": 1, "port": 2}"#, "is no JSON"), (#"{"port": [1]}"#, "port in"),
            (#"{"port": true}"#, "whole number from 0 to 65535, but is"), (#"{"node_id": true}"#, "node_id in"),
            (#"{"redis_url": {"host": "hunter2"}}"#, "redis_url in"),
        ])
    func `A settings file that cannot be used is refused with its path and the reason`(text: String, message: String)
        async throws
    {
        let file = try temporaryFile(text)
        defer { try? FileManager.default.removeItem(atPath: file) }
        let error = try await #require(throws: ProgramError.self) {
            try await SettingsReader(flags: [:], environment: [:], file: file)
        }
        #expect(error.description.contains(file))
        #expect(error.description.contains(message))
        #expect(error.code == .usage && !error.description.contains("hunter2"))
    }

    @Test func `A settings file that is named must exist`() async throws {
        let error = try await #require(throws: ProgramError.self) {
            try await SettingsReader(flags: [:], environment: [:], file: "/nowhere/rollcall.json")
        }
        #expect(error.description.contains("/nowhere/rollcall.json"))
    }

    @Test func `docs/operations.md has one row for each setting, in the order of the declarations`() throws {
        let rows = SettingsTable.all.map { setting in
            "| `\(setting.environmentName)` | \(setting.fallback.map { "`\($0)`" } ?? setting.without) "
                + "| \(setting.meaning) |"
        }
        try GeneratedTable(head: "| setting | default | meaning |", rows: rows).check()
    }

    @Test func `docs/operations.md lists every metric as /metrics describes it`() throws {
        let rows = MetricsHelp.texts.sorted { $0.key < $1.key }.map { "| `\($0.key)` | \($0.value) |" }
        try GeneratedTable(head: "| metric | meaning |", rows: rows).check()
    }

    @Test(
        arguments: [
            (
                ["ROLLCALL_OPEN": "true", "ROLLCALL_REDIS_URL": "redis://h", "ROLLCALL_REDIS_CA_FILE": "/x"],
                "ROLLCALL_REDIS_CA_FILE",
                "rediss://"
            ),
            (
                ["ROLLCALL_OPEN": "true", "ROLLCALL_REDIS_URL": "redis://h", "ROLLCALL_REDIS_KEY_FILE": "/x"],
                "ROLLCALL_REDIS_KEY_FILE",
                "rediss://"
            ),
            (
                ["ROLLCALL_OPEN": "true", "ROLLCALL_REDIS_URL": "redis+unix:///s", "ROLLCALL_REDIS_CA_FILE": "/x"],
                "ROLLCALL_REDIS_CA_FILE",
                "rediss://"
            ),
            (["ROLLCALL_TLS_CERT": "/no/c.pem"], "ROLLCALL_TLS_CERT", "set ROLLCALL_TLS_KEY too"),
            (["ROLLCALL_TLS_KEY": "/no/k.pem"], "ROLLCALL_TLS_KEY", "set ROLLCALL_TLS_CERT too"),
            (
                ["ROLLCALL_TLS_CERT": "/no/c.pem", "ROLLCALL_TLS_KEY": "/no/k.pem"], "ROLLCALL_TLS_CERT",
                "/no/c.pem does not exist"
            ),
            (["ROLLCALL_REDIS_CA_FILE": "/no/ca.pem"], "ROLLCALL_REDIS_CA_FILE", "/no/ca.pem does not exist"),
            (["ROLLCALL_REDIS_CA_FILE": "/tmp"], "ROLLCALL_REDIS_CA_FILE", "/tmp is a folder"),
            (["ROLLCALL_REDIS_CERT_FILE": "/no/c.pem"], "ROLLCALL_REDIS_KEY_FILE", "is missing"),
            (["ROLLCALL_REDIS_KEY_FILE": "/no/k.pem"], "ROLLCALL_REDIS_CERT_FILE", "is missing"),
            (
                ["ROLLCALL_REDIS_CERT_FILE": "/no/c.pem", "ROLLCALL_REDIS_KEY_FILE": "/no/k.pem"],
                "ROLLCALL_REDIS_CERT_FILE", "/no/c.pem does not exist"
            ),
            (["SSL_CERT_FILE": "/no/ssl.pem"], "SSL_CERT_FILE", "/no/ssl.pem does not exist"),
            (["SSL_CERT_FILE": "/no/a:b.pem"], "SSL_CERT_FILE", "/no/a:b.pem does not exist"),
        ] as [([String: String], String, String)])
    func `A TLS file that cannot be used is refused with its setting, its path and the cause`(
        environment: [String: String], name: String, cause: String
    ) async throws {
        let all = ["ROLLCALL_OPEN": "true", "ROLLCALL_REDIS_URL": "rediss://user:hunter2@h"].merging(environment) { $1 }
        let reader = try await SettingsReader(flags: [:], environment: all)
        let error = try #require(throws: ProgramError.self) { try Settings(from: reader) }
        #expect(error.code == .usage)
        #expect(error.description.hasPrefix(name) && error.description.contains(cause), "\(error)")
        #expect(!error.description.contains("hunter2"))
    }

    private func temporaryFile(_ text: String) throws -> String {
        let path = NSTemporaryDirectory() + "rollcall-settings-\(UUID().uuidString).json"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }
}
