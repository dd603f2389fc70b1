// Rollcall · PostgresTests

import LocalServices
import Postgres
import ServiceLifecycle
import TestSupport
import Testing

@Suite("A pool while PostgreSQL is away")
struct PostgresOutageTests {
    private func expectAnswer(from pool: PostgresPool) async throws {
        try await eventually("an answer") { await pool.text("SELECT 1") == "1" }
    }

    @Test func `No query fails when sessions end while they are idle or at work`() async throws {
        try await withLocalPostgres { postgres in
            try await withPool(postgres.url) { pool in
                for _ in 0..<5 {
                    try await terminateAll(postgres)
                    let answer = await pool.text("SELECT 1")
                    #expect(answer == "1")
                }
                async let slow = pool.text("SELECT 'slept' FROM pg_sleep(0.5)")
                try await eventually("the query runs") {
                    try await postgres.psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%slept%'") != "1"
                }
                try await terminateAll(postgres)
                let answer = await slow
                #expect(answer == "slept")
            }
        }
    }

    @Test func `A frozen server costs each caller one time-out at most, and the pool recovers afterwards`()
        async throws
    {
        try await withLocalPostgres { postgres in
            try await withPool(postgres.url) { pool in
                postgres.pause()
                let time = await ContinuousClock().measure {
                    await withTaskGroup { group in
                        for _ in 0..<50 {
                            group.addTask {
                                let outcome = await pool.outcome("SELECT 1", timeout: .milliseconds(250))
                                #expect(outcome.failure != nil)
                            }
                        }
                    }
                }
                #expect(time < .milliseconds(250) * 50, "not one after the other")
                try await eventually("the fault") { pool.fault != nil }
                postgres.resume()
                try await expectAnswer(from: pool)
            }
        }
    }

    @Test func `A killed server is logged once, and so is its return; meanwhile queries fail at once`()
        async throws
    {
        let log = Recorder<String>()
        try await withLocalPostgres { postgres in
            try await withPool(postgres.url + "&password=s3cret", log: log) { pool in
                await postgres.kill()
                try await eventually("the loss") { await pool.outcome("SELECT 1").failure?.code == .unavailable }
                let start = ContinuousClock.now
                for _ in 0..<100 { #expect(await pool.outcome("SELECT 1").failure?.code == .unavailable) }
                #expect(start.duration(to: .now) < .seconds(20), "less than the time-out of one")
                #expect(pool.fault?.hasPrefix("cannot connect to postgresql://") == true)
                try await postgres.restart()
                try await expectAnswer(from: pool)
                #expect(pool.fault == nil)
            }
        }
        let lines = log.all.filter { !$0.hasPrefix("debug") }
        #expect(
            lines.map { $0.split(separator: " ").prefix(3).joined(separator: " ") } == [
                "info postgres: connected", "warning postgres: unavailable", "info postgres: connected",
            ])
        #expect(!log.all.contains { $0.contains("s3cret") })
    }

    @Test func `An end of all sessions is noticed without a query`() async throws {
        try await withLocalPostgres { postgres in
            let log = Recorder<String>()
            try await withPool(postgres.url, log: log, options: { $0.checkInterval = .milliseconds(20) }) { pool in
                await postgres.halt()
                try await eventually("the loss") { pool.fault != nil }
                try await postgres.restart()
                try await eventually("the return") { pool.fault == nil }
            }
            #expect(log.all.contains { $0.contains("postgres: unavailable") })
        }
    }

    @Test func `While a server has not started, queries fail; then the pool connects`() async throws {
        try await withLocalPostgres { postgres in
            await postgres.halt()
            try await withPool(postgres.url, mustConnect: false) { pool in
                #expect(await pool.outcome("SELECT 1", timeout: .seconds(60)).failure?.code == .unavailable)
                try await postgres.restart()
                try await expectAnswer(from: pool)
            }
        }
    }

    @Test func `Graceful shutdown ends all callers soon, also with a frozen server`() async throws {
        try await withLocalPostgres { postgres in
            let pool = PostgresPool(url: try PostgresURL(postgres.url), logger: Recorder().logger)
            let group = ServiceGroup(services: [pool], logger: Recorder().logger)
            let run = Task { try await group.run() }
            #expect(await pool.text("SELECT 1") == "1")
            postgres.pause()
            let callers = (0..<20).map { _ in Task { await pool.outcome("SELECT 1", timeout: .seconds(60)) } }
            // Whether they wait for a connection, wait for an answer or have not begun yet, each ends with the pool.
            let time = try await ContinuousClock().measure {
                await group.triggerGracefulShutdown()
                try await run.value
                for caller in callers { #expect(await caller.value.failure?.code == .unavailable) }
            }
            #expect(time < .seconds(30), "half the time-out of the callers")
            #expect(await pool.outcome("SELECT 1").failure?.code == .unavailable)
            postgres.resume()
        }
    }
}
