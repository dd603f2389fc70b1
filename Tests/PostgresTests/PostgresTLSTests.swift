// Rollcall · PostgresTests

import LocalServices
import Postgres
import TestSupport
import Testing

@Suite("A server with a certificate")
struct PostgresTLSTests {
    // The server has the default port, and on Linux a loopback address that no other server uses.
    #if os(Linux)
        private let address = "127.\(Int.random(in: 1...254)).\(Int.random(in: 1...254)).\(Int.random(in: 1...254))"
    #else
        private let address = "127.0.0.1"
    #endif

    /// Lends a server with a self-signed certificate for the address alone.
    private func withTLS(_ body: (LocalPostgres, _ certificate: String) async throws -> Void) async throws {
        try await withLocalPostgres(arguments: ["-c", "listen_addresses=\(address)"]) { postgres in
            try await postgres.psql(
                "COPY (SELECT 1) TO PROGRAM 'openssl req -new -x509 -days 2 -nodes -subj /CN=rollcall "
                    + "-addext subjectAltName=IP:\(address) -out server.crt -keyout server.key && chmod 600 server.key'"
            )
            try await postgres.psql("ALTER SYSTEM SET ssl = on")
            try await postgres.psql("SELECT pg_reload_conf()")
            try await body(postgres, "\(postgres.folder)/data/server.crt")
        }
    }

    private func connect(_ parameters: String) async -> PostgresError? {
        do {
            let url = try PostgresURL("postgresql://postgres@\(address)/postgres?\(parameters)")
            let connection = try await PostgresConnection.connect(to: url, timeout: .seconds(60))
            let answer = await connection.text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            connection.close()
            return answer == "t" ? nil : PostgresError(.lost, "TLS: \(answer ?? "")")
        } catch {
            return error
        }
    }

    @Test func `A server's certificate is checked against the authorities and the name`() async throws {
        try await withTLS { postgres, certificate in
            // The reload takes a moment.
            try await eventually("TLS") { await connect("sslmode=require") == nil }
            #expect(await connect("sslmode=verify-full&sslrootcert=\(certificate)") == nil)
            let unknown = await connect("sslmode=verify-full")
            #expect(unknown?.code == .unavailable)
            #expect(unknown?.message.contains("certificate") == true)
            let otherName = await connect(
                "sslmode=verify-full&sslrootcert=\(certificate)&host=localhost&hostaddr=\(address)")
            #expect(otherName?.code == .unavailable)
        }
    }

    @Test func `Large answers, time-outs and notifications work over TLS`() async throws {
        try await withTLS { postgres, certificate in
            try await eventually("TLS") { await connect("sslmode=require") == nil }
            let url = try PostgresURL(
                "postgresql://postgres@\(address)/postgres?sslmode=verify-full&sslrootcert=\(certificate)")
            let connection = try await PostgresConnection.connect(to: url, timeout: .seconds(60))
            let large = try await connection.query(
                "SELECT repeat('x', 1000) FROM generate_series(1, 10000)", timeout: .seconds(60))
            #expect(large.rows.count == 10_000)
            #expect(
                await connection.outcome("SELECT pg_sleep(60)", timeout: .seconds(2) * patience).failure?.code
                    == .timedOut)
            try await connection.listen(to: "news")
            try await connection.execute("NOTIFY news, 'x'", timeout: .seconds(60))
            let received = try await connection.notifications(within: .seconds(60))
            #expect(received.map(\.payload) == ["x"])
            try await terminateAll(postgres)
            try await eventually("the end is found") { await !connection.isAlive() }
        }
    }
}
