// Rollcall · PostgresTests

import LocalServices
import Postgres
import TestSupport
import Testing

@Suite("A pool of PostgreSQL connections")
struct PostgresPoolTests {
    @Test func `Many callers share few connections, and all are answered`() async throws {
        try await withPostgres { url in
            try await withPool(url) { pool in
                let pids = try await withThrowingTaskGroup(returning: Set<String?>.self) { group in
                    for _ in 0..<100 {
                        group.addTask {
                            try await pool.query("SELECT pg_backend_pid(), pg_sleep(0.05)", timeout: .seconds(60))
                                .firstText
                        }
                    }
                    return try await group.reduce(into: []) { $0.insert($1) }
                }
                #expect(pids.count > 2 && pids.count <= 8)
            }
        }
    }

    @Test func `A query may begin before the pool runs, and waits for the first connection`() async throws {
        try await withPostgres { url in
            try await withPool(url, mustConnect: false) { pool in
                #expect(await pool.text("SELECT 1") == "1")
            }
        }
    }

    @Test func `The time to wait for a connection is part of the time-out`() async throws {
        try await withBusyPool { pool, _, _ in
            let time = await ContinuousClock().measure {
                let late = await pool.outcome("SELECT 1", timeout: .milliseconds(200))
                #expect(late.failure?.code == .timedOut)
            }
            #expect(time >= .milliseconds(190))
        }
    }

    @Test func `At the bound of waiting callers one more fails at once`() async throws {
        try await withBusyPool { pool, _, release in
            let codes = Recorder<PostgresError.Code?>()
            try await withThrowingTaskGroup { group in
                for _ in 0..<10 {
                    group.addTask { codes.record(await pool.outcome("SELECT 1", timeout: .seconds(600)).failure?.code) }
                }
                try await eventually("five are refused") { codes.all == Array(repeating: .busy, count: 5) }
                try await release()
                try await group.waitForAll()
            }
            #expect(codes.all.suffix(5) == [nil, nil, nil, nil, nil])
        }
    }

    @Test func `A cancelled caller waits no longer, keeps the connection that it has, and leaves nothing behind`()
        async throws
    {
        try await withBusyPool { pool, working, _ in
            for _ in 0..<20 {
                let callers = (0..<5).map { _ in Task { await pool.outcome("SELECT 1", timeout: .seconds(600)) } }
                for caller in callers { caller.cancel() }
                for caller in callers { #expect(await caller.value.failure != nil) }
            }
            for task in working { task.cancel() }
        }
    }

    @Test func `A connection can be lent for several statements, and is returned`() async throws {
        try await withPostgres { url in
            try await withPool(url) { pool in
                for _ in 0..<20 {
                    let description = try await pool.withConnection(timeout: .seconds(60)) {
                        (connection) throws(PostgresError) in
                        try await connection.describe("SELECT 1 AS one")
                    }
                    #expect(description.columns == [.init(name: "one", type: 23)])
                    await #expect(throws: PostgresError.self) {
                        try await pool.withConnection(timeout: .seconds(60)) { (_) throws(PostgresError) in
                            throw PostgresError(.refused, "no")
                        }
                    }
                }
            }
        }
    }

    @Test func `Old connections are replaced while queries go on`() async throws {
        try await withPostgres { url in
            let log = Recorder<String>()
            try await withPool(
                url, log: log,
                options: {
                    $0.lifetime = .milliseconds(200)
                    $0.checkInterval = .milliseconds(20)
                }
            ) { pool in
                let old = await pool.text("SELECT pg_backend_pid()")
                try await eventually("another session") {
                    let text = await pool.text("SELECT pg_backend_pid()")
                    #expect(text.flatMap { Int($0) } != nil)
                    return text != old
                }
                #expect(!log.all.contains { $0.contains("postgres: unavailable") })
            }
        }
    }

    /// Lends a pool of two connections, and the two tasks that use them.
    ///
    /// Both wait for a lock until `release` is called or `body` has ended.
    private func withBusyPool(
        _ body: (
            PostgresPool, _ working: [Task<Result<PostgresRows, PostgresError>, Never>],
            _ release: () async throws -> Void
        ) async throws -> Void
    ) async throws {
        try await withPostgres { url in
            let holder = try await PostgresConnection.connect(to: try PostgresURL(url), timeout: .seconds(60))
            defer { holder.close() }
            try await holder.execute("SELECT pg_advisory_lock(7)", timeout: .seconds(60))
            let options = { (options: inout PostgresPoolOptions) in
                options.maximum = 2
                options.maximumWaiting = 5
            }
            try await withPool(url, options: options) { pool in
                let working = (0..<2).map { _ in
                    Task { await pool.outcome("SELECT pg_advisory_lock_shared(7)", timeout: .seconds(600)) }
                }
                try await eventually("both are in use") {
                    await holder.text(
                        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
                            + "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())") == "2"
                }
                let release = { try await holder.execute("SELECT pg_advisory_unlock_all()", timeout: .seconds(60)) }
                try await body(pool, working, release)
                try await release()
                for task in working { #expect(await task.value.failure == nil) }
                #expect(await pool.text("SELECT 1") == "1")
            }
        }
    }
}
