// Rollcall · PostgresTests

import LocalServices
import Postgres
import TestSupport
import Testing

@Suite("A connection to PostgreSQL under faults")
struct PostgresFaultTests {
    private func connect(_ postgres: LocalPostgres) async throws -> PostgresConnection {
        try await PostgresConnection.connect(to: try PostgresURL(postgres.url), timeout: .seconds(10))
    }

    /// Returns when the shared server works on a statement that contains `sql`.
    private func awaitStatement(_ sql: String) async throws {
        let postgres = try await SharedPostgres.postgres
        try await eventually("the server works on \(sql)") {
            try await postgres.psql(
                """
                SELECT count(*) FROM pg_stat_activity
                WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE $$%\(sql)%$$
                """) != "0"
        }
    }

    @Test func `A slow statement ends at its time-out, on the server as well, and the connection is kept`() async throws
    {
        try await withConnection { connection in
            for timeout in [Duration.seconds(2), .seconds(1), .seconds(2)].map({ $0 * patience }) {
                let time = await ContinuousClock().measure {
                    let slow = await connection.outcome("SELECT pg_sleep(60)", timeout: timeout)
                    #expect(slow.failure?.code == .timedOut)
                    #expect(slow.failure?.sqlState == "57014")
                }
                #expect(time > timeout * 0.8 && time < timeout + .seconds(50))
                #expect(await connection.text("SELECT 1") == "1")
            }
        }
    }

    @Test func `When the server does not stop a statement by itself, the connection ends at the time-out`() async throws
    {
        try await withConnection { connection in
            let time = await ContinuousClock().measure {
                let slow = await connection.outcome(
                    "SELECT set_config('statement_timeout', '0', false), pg_sleep(60)", timeout: .milliseconds(300))
                #expect(slow.failure?.code == .timedOut)
            }
            #expect(time < .seconds(50), "the server would take a minute")
        }
        try await withLocalPostgres { postgres in
            let connection = try await connect(postgres)
            postgres.pause()
            let time = await ContinuousClock().measure {
                #expect(await connection.outcome("SELECT 1", timeout: .milliseconds(300)).failure?.code == .timedOut)
            }
            #expect(time >= .milliseconds(290))
            #expect(!connection.isUsable)
            postgres.resume()
        }
    }

    @Test func `A request larger than the socket's buffers does not hang on a frozen server`() async throws {
        try await withLocalPostgres { postgres in
            let connection = try await connect(postgres)
            let text = String(repeating: "x", count: 20 << 20)
            let result = try await connection.query("SELECT length($1)", [.text(text)], timeout: .seconds(30))
            #expect(result.firstText == "\(20 << 20)")
            postgres.pause()
            let error = await #expect(throws: PostgresError.self) {
                try await connection.query("SELECT length($1)", [.text(text)], timeout: .milliseconds(300))
            }
            #expect(error?.code == .timedOut)
            postgres.resume()
        }
    }

    @Test
    func `A session that ends at work is lost with PostgreSQL's reason; an idle one is found dead before a send`()
        async throws
    {
        try await withLocalPostgres { postgres in
            let connection = try await connect(postgres)
            async let slow = connection.outcome("SELECT pg_sleep(60)", timeout: giveUpTime * 2)
            try await eventually("the query runs") {
                try await postgres.psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%'")
                    != "1"
            }
            try await terminateAll(postgres)
            let error = await slow.failure
            #expect(error?.code == .lost)
            #expect(error?.sqlState == "57P01")
            #expect(!connection.isUsable)

            let idle = try await connect(postgres)
            #expect(await idle.isAlive())
            #expect(await idle.outcome("SELECT $1::int", [.text("s3cret")]).failure?.sqlState == "22P02")
            try await terminateAll(postgres)
            try await eventually("the end is found") { await !idle.isAlive() }
            let late = await idle.outcome("SELECT 1").failure
            #expect(late?.code == .unavailable)
            #expect(late?.message.hasPrefix("server closed the connection unexpectedly; ") == true)
        }
    }

    @Test func `Closing a connection ends its running statement at once`() async throws {
        try await withConnection { connection in
            let slow = Task { await connection.outcome("SELECT pg_sleep(60), 'closed'", timeout: giveUpTime * 2) }
            try await awaitStatement("pg_sleep(60), 'closed'")
            connection.close()
            #expect(await slow.value.failure?.code == .lost)
            #expect(!connection.isUsable)
        }
    }

    @Test func `Cancellation of its caller ends a script`() async throws {
        try await withConnection { connection in
            let script = Task {
                try await connection.execute("SELECT pg_sleep(60), 'cancelled'", timeout: giveUpTime * 2)
            }
            try await awaitStatement("pg_sleep(60), 'cancelled'")
            script.cancel()
            await #expect(throws: PostgresError.self) { try await script.value }
        }
    }

    @Test func `An attempt to connect to a server that does not answer ends at its time-out or when it is cancelled`()
        async throws
    {
        try await withLocalPostgres { postgres in
            postgres.pause()
            let time = await ContinuousClock().measure {
                let error = await #expect(throws: PostgresError.self) {
                    try await PostgresConnection.connect(
                        to: try PostgresURL(postgres.url), timeout: .milliseconds(300))
                }
                #expect(error?.code == .unavailable)
                #expect(error?.message.contains("did not answer within") == true)
            }
            #expect(time >= .milliseconds(290))
            let attempt = Task {
                try await PostgresConnection.connect(to: try PostgresURL(postgres.url), timeout: .seconds(120))
            }
            try await Task.sleep(for: .milliseconds(50))
            let end = await ContinuousClock().measure {
                attempt.cancel()
                await #expect(throws: PostgresError.self) { try await attempt.value }
            }
            #expect(end < .seconds(60), "half its time-out")
            postgres.resume()
        }
    }
}
