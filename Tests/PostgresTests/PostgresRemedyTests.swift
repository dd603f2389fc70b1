// Rollcall · PostgresTests

import Basics
import LocalServices
import TestSupport
import Testing

@testable import Postgres

@Suite("What to do about an error of PostgreSQL")
struct PostgresRemedyTests {
    @Test func `the code of a refused attempt to connect is read, and its place in the source is dropped`() {
        let text = """
            connection to server at "127.0.0.1", port 5432 failed: FATAL:  28P01: password authentication failed for user "u"
            LOCATION:  auth_failed, auth.c:347
            """
        let error = PostgresError(startup: text, otherwise: "closed")
        #expect(error.sqlState == "28P01" && !error.message.contains("28P01") && !error.message.contains("LOCATION"))
        #expect(error.message.hasSuffix("FATAL:  password authentication failed for user \"u\""))
        #expect(error.isPermanent && error.advice.contains("check the user, the password"))
        #expect(PostgresError(startup: "", otherwise: "closed").message == "closed")
        let refused = PostgresError(startup: "connection to server failed: Connection refused\n", otherwise: "")
        #expect(refused.sqlState == nil && !refused.isPermanent && refused.advice == refused.message)
    }

    @Test func `only the error of a server that is too old asks for a newer one`() {
        let old = PostgresError.serverIsTooOld("11", oldest: "12")
        #expect(old.isPermanent && old.advice.hasSuffix("PostgreSQL 12 or newer is needed: use a newer PostgreSQL"))
        let refused = PostgresError(.refused, "cannot insert into view", sqlState: "0A000")
        #expect(!refused.isPermanent && refused.remedy == nil)
    }

    @Test func `the advice about a missing table names the setting of its name`() {
        let error = PostgresError(.refused, "relation \"profiles\" does not exist", sqlState: "42P01")
        #expect(error.advice.contains("`rollcall migrate`") && error.advice.contains("ROLLCALL_PROFILES_TABLE"))
    }

    @Test(arguments: ["57P01", "57P03", "53300", "40001", "57014"])
    func `an error that ends by itself has no remedy`(code: String) {
        #expect(!PostgresError(.refused, "x", sqlState: code).isPermanent)
    }

    @Test func `the advice names a missing database or user, and the pause before the next attempt is long`()
        async throws
    {
        let postgres = try await SharedPostgres.postgres
        for (text, words) in [
            (postgres.url(database: "nowhere"), "make the database"),
            (postgres.url.replacing("user=postgres", with: "user=missing_user"), "check the user"),
        ] {
            let error = await #expect(throws: PostgresError.self) {
                try await PostgresConnection.connect(to: try PostgresURL(text), timeout: .seconds(10))
            }
            #expect(error?.code == .unavailable && error?.isPermanent == true)
            #expect(error?.advice.contains(words) == true, "\(error?.advice ?? "")")
        }
        let backoff = PostgresPoolOptions().backoff
        #expect(backoff.pause(failures: 1, isPermanent: true, jitter: 1) == .seconds(5))
    }

    @Test func `a connection that does not listen keeps no notification`() async throws {
        try await withConnection { connection in
            try await connection.execute("LISTEN a", timeout: .seconds(10))
            try await connection.execute("NOTIFY a", timeout: .seconds(10))
            _ = try await connection.query("SELECT 1", timeout: .seconds(10))
            let none = try await connection.notifications(within: .milliseconds(50))
            #expect(none.isEmpty)
            try await connection.listen(to: "a")
            try await connection.execute("NOTIFY a", timeout: .seconds(10))
            _ = try await connection.query("SELECT 1", timeout: .seconds(10))
            #expect(try await connection.notifications(within: .seconds(10)).map(\.channel) == ["a"])
        }
    }
}
