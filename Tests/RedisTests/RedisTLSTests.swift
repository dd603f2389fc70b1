// Rollcall · RedisTests

import Foundation
import LocalServices
import TestSupport
import Testing

@testable import Redis

/// Each test makes new certificates with openssl, and its Redis listens on its own TLS port.
@Suite("TLS to Redis")
struct RedisTLSTests {
    /// Lends a Redis with a certificate for `localhost`, its TLS port, and the folder of `ca.pem` and `server.pem`.
    private func withSecureRedis(
        clients: String = "optional", _ body: (_ redis: LocalRedis, _ port: Int, _ folder: String) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        try await openssl(
            ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Test authority"],
            ["-keyout", "\(folder)/ca.key", "-out", "\(folder)/ca.pem"])
        try await openssl(
            ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"],
            ["-CA", "\(folder)/ca.pem", "-CAkey", "\(folder)/ca.key", "-addext", "subjectAltName=DNS:localhost"],
            ["-addext", "basicConstraints=critical,CA:FALSE"],
            ["-keyout", "\(folder)/server.key", "-out", "\(folder)/server.pem"])
        let port = try LocalSocket.freePort()
        let arguments = [
            "--tls-port", "\(port)", "--tls-cert-file", "\(folder)/server.pem", "--tls-key-file",
            "\(folder)/server.key",
            "--tls-ca-cert-file", "\(folder)/ca.pem", "--tls-auth-clients", clients,
        ]
        try await withLocalRedis(arguments: arguments) { redis in try await body(redis, port, folder) }
    }

    private func openssl(_ arguments: [String]...) async throws {
        let outcome = try await Command.run("openssl", arguments.flatMap(\.self))
        guard outcome.code == 0 else { throw NeverHappened(description: "openssl: \(outcome.errors)") }
    }

    /// Returns the trouble of a pool; nil when it connects.
    private func trouble(_ url: String, _ tls: RedisTLS = RedisTLS()) async throws -> RedisTrouble? {
        var options = RedisOptions()
        options.tls = tls
        options.connectTimeout = .seconds(10)
        options.urlName = "SETTING"
        var found: RedisTrouble?
        try await withPool(url, options: options, mustConnect: false) { pool in
            found = try await eventually("a verdict") {
                if let connection = try? pool.connection() {
                    return try await connection.send(RedisCommand("PING")) == .status("PONG") ? .some(nil) : nil
                }
                return pool.trouble.map { .some($0) }
            }
        }
        return found
    }

    private func isReachable(_ url: String, _ tls: RedisTLS) async throws -> Bool {
        try await trouble(url, tls) == nil
    }

    @Test func `The trouble of a wrong certificate, or of TLS on one side only, names the setting`() async throws {
        try await withSecureRedis { _, port, folder in
            var trusting = RedisTLS()
            trusting.authorityFile = "\(folder)/ca.pem"
            let unknown = try await trouble("rediss://localhost:\(port)")
            #expect(unknown?.kind == .tls && unknown?.detail.contains("ROLLCALL_REDIS_CA_FILE") == true)
            #expect(unknown?.detail.contains("CERTIFICATE_VERIFY_FAILED") == true)
            let other = try await trouble("rediss://127.0.0.1:\(port)", trusting)
            #expect(other?.kind == .tls && other?.detail.contains("another host") == true, "\(other?.detail ?? "")")
            let plain = try await trouble("redis://localhost:\(port)")
            #expect(plain?.detail.contains("write rediss:// in SETTING") == true, "\(plain?.detail ?? "")")
        }
        try await withLocalRedis(port: true) { redis in
            let url = redis.url.replacing("redis://", with: "rediss://")
            let secure = try await trouble(url)
            #expect(secure?.detail.contains("write redis:// in SETTING") == true, "\(secure?.detail ?? "")")
        }
    }

    @Test func `A killed Redis with TLS is unreachable, and the pool connects again after its restart`() async throws {
        try await withSecureRedis { redis, port, folder in
            var options = RedisOptions.patient
            options.tls.authorityFile = "\(folder)/ca.pem"
            let (log, events) = (Recorder<String>(), Recorder<PoolEvent>())
            let url = "rediss://localhost:\(port)"
            try await withPool(url, options: options, log: log, onChange: { events.record($0) }) { pool in
                try await eventually("both connections") { events.all.count == 2 }
                await redis.kill()
                let trouble = try await eventually("the trouble") { pool.trouble }
                #expect(trouble.kind == .unreachable && !trouble.isPermanent, "\(trouble)")
                try await redis.restart()
                #expect(await pool.waitUntilConnected(timeout: giveUpTime))
                #expect(!events.all.contains { if case .refused = $0 { true } else { false } })
                #expect(!log.all.contains { $0.hasPrefix("error") }, "\(log.all)")
            }
        }
    }

    @Test func `A server that closes during the TLS handshake is unreachable, and a hint names the other scheme`()
        async throws
    {
        try await FaultyProxy.with(port: 1) { proxy in
            proxy.refuse()
            let trouble = try await trouble("rediss://127.0.0.1:\(proxy.port)")
            #expect(trouble?.kind == .unreachable, "\(trouble?.detail ?? "")")
            #expect(trouble?.detail.contains("write redis:// in SETTING") == true, "\(trouble?.detail ?? "")")
        }
    }

    @Test func `The trouble of a server that requires a client certificate names the setting for it`() async throws {
        try await withSecureRedis(clients: "yes") { _, port, folder in
            var tls = RedisTLS()
            tls.authorityFile = "\(folder)/ca.pem"
            let without = try await trouble("rediss://localhost:\(port)", tls)
            #expect(without?.detail.contains("ROLLCALL_REDIS_CERT_FILE") == true, "\(without?.detail ?? "")")
            tls.certificateFile = "\(folder)/server.pem"
            tls.keyFile = "\(folder)/server.key"
            #expect(try await trouble("rediss://localhost:\(port)", tls) == nil)
        }
    }

    @Test func `The fault of a TLS file names the file, its path and the cause`() async throws {
        try await withSecureRedis { _, _, folder in
            try await openssl(
                ["pkey", "-aes128", "-passout", "pass:secret", "-in", "\(folder)/server.key"],
                ["-out", "\(folder)/encrypted.key"])
            try Data("no PEM".utf8).write(to: URL(fileURLWithPath: "\(folder)/text"))
            try Data().write(to: URL(fileURLWithPath: "\(folder)/empty"))
            try Data("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8)
                .write(to: URL(fileURLWithPath: "\(folder)/broken.pem"))
            func fault(_ change: (inout RedisTLS) -> Void) -> RedisTLSFault? {
                var tls = RedisTLS()
                change(&tls)
                return #expect(throws: RedisTLSFault.self) { try tls.check() }
            }
            let cases: [(name: String, cause: String)] = [
                ("nowhere", "does not exist"), ("", "is a folder"), ("text", "holds no certificate in the PEM form"),
                ("empty", "holds no certificate"), ("broken.pem", "cannot be read"),
                ("server.key", "holds no certificate"),
            ]
            for (name, cause) in cases {
                let path = "\(folder)/\(name)"
                let authority = fault { $0.authorityFile = path }
                #expect(authority?.file == .authority && authority?.path == path)
                #expect(authority?.cause.contains(cause) == true, "\(name): \(authority?.cause ?? "")")
                let certificate = fault { ($0.certificateFile, $0.keyFile) = (path, "\(folder)/server.key") }
                #expect(certificate?.file == .certificate && certificate?.cause.contains(cause) == true)
            }
            let keys: [(name: String, cause: String)] = [
                ("nowhere", "does not exist"), ("server.pem", "holds no private key"), ("text", "holds no private key"),
                ("encrypted.key", "passphrase"), ("ca.key", "does not fit the certificate"),
            ]
            for (name, cause) in keys {
                let key = fault { ($0.certificateFile, $0.keyFile) = ("\(folder)/server.pem", "\(folder)/\(name)") }
                #expect(key?.file == .key && key?.path == "\(folder)/\(name)", "\(name)")
                #expect(key?.cause.contains(cause) == true, "\(name): \(key?.cause ?? "")")
            }
            #expect(fault { $0.certificateFile = "\(folder)/server.pem" }?.file == .key)
            #expect(fault { $0.keyFile = "\(folder)/server.key" }?.file == .certificate)
        }
    }

    @Test func `A client connects only to a server with a certificate that passes the chosen checks`() async throws {
        try await withSecureRedis { _, port, folder in
            let (byName, byAddress) = ("rediss://localhost:\(port)", "rediss://127.0.0.1:\(port)")
            var trusting = RedisTLS()
            trusting.authorityFile = "\(folder)/ca.pem"
            var lenient = trusting
            lenient.verification = .withoutHostname
            var blind = RedisTLS()
            blind.verification = .none
            var known = trusting
            known.certificateFile = "\(folder)/server.pem"
            known.keyFile = "\(folder)/server.key"
            for (url, tls, isExpected) in [
                (byName, trusting, true), (byName, known, true), (byAddress, lenient, true), (byAddress, blind, true),
                // An unknown authority, another name, and no TLS.
                (byName, RedisTLS(), false), (byAddress, trusting, false),
                ("redis://localhost:\(port)", RedisTLS(), false),
            ] {
                let isReachable = try await isReachable(url, tls)
                #expect(isReachable == isExpected, "\(url) \(tls)")
            }
        }
    }
}
