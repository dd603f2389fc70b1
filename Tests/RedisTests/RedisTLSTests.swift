// Rollcall · RedisTests

import LocalServices
import Redis
import TestSupport
import Testing

/// Certificates are made anew by openssl, and Redis listens on a TLS port of its own.
@Suite("TLS")
struct RedisTLSTests {
    /// Lends the URL of a Redis whose certificate names `localhost`, and the folder of `ca.pem` and `server.pem`.
    private func withSecureRedis(_ body: (_ port: Int, _ folder: String) async throws -> Void) async throws {
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
            "--tls-ca-cert-file", "\(folder)/ca.pem", "--tls-auth-clients", "optional",
        ]
        try await withLocalRedis(arguments: arguments) { _ in try await body(port, folder) }
    }

    private func openssl(_ arguments: [String]...) async throws {
        let outcome = try await Command.run("openssl", arguments.flatMap(\.self))
        guard outcome.code == 0 else { throw NeverHappened(description: "openssl: \(outcome.errors)") }
    }

    private func isReachable(_ url: String, _ tls: RedisTLS) async throws -> Bool {
        var options = RedisOptions()
        options.tls = tls
        options.connectTimeout = giveUpTime
        let log = Recorder<String>()
        var isReachable: Bool?
        try await withPool(url, options: options, log: log, mustConnect: false) { pool in
            isReachable = try await eventually("a verdict") {
                if let connection = try? pool.connection() {
                    return try await connection.send(RedisCommand("PING")) == .status("PONG")
                }
                return log.all.contains { $0.contains("Cannot connect") } ? false : nil
            }
        }
        return isReachable ?? false
    }

    @Test("A server is spoken to when its certificate is good, and only then")
    func verification() async throws {
        try await withSecureRedis { port, folder in
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
                // Its authority is unknown, its name is another, and it speaks TLS only.
                (byName, RedisTLS(), false), (byAddress, trusting, false),
                ("redis://localhost:\(port)", RedisTLS(), false),
            ] {
                let isReachable = try await isReachable(url, tls)
                #expect(isReachable == isExpected, "\(url) \(tls)")
            }
        }
    }
}
