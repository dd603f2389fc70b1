// Rollcall · PostgresTests

import LocalServices
import Postgres
import TestSupport
import Testing

@Suite("A pool")
struct PostgresPoolTests {
    @Test("Many callers share few connections, and all are answered")
    func sharing() async throws {
        try await withPostgres { url in
            try await withPool(url) { pool in
                let pids = try await withThrowingTaskGroup(returning: Set<String?>.self) { group in
                    for _ in 0..<100 {
                        group.addTask {
                            try await pool.query("SELECT pg_backend_pid(), pg_sleep(0.01)", timeout: .seconds(30))
                                .firstText
                        }
                    }
                    return try await group.reduce(into: []) { $0.insert($1) }
                }
                #expect(pids.count > 2 && pids.count <= 8)
            }
        }
    }

    @Test("A query may be asked before the pool runs, and waits for the first connection")
    func early() async throws {
        try await withPostgres { url in
            try await withPool(url, mustConnect: false) { pool in
                #expect(await pool.text("SELECT 1") == "1")
            }
        }
    }

    @Test("The time to wait for a connection is part of the time-out")
    func waiting() async throws {
        try await withPostgres { url in
            try await withPool(url, options: { $0.maximum = 2 }) { pool in
                try await withThrowingTaskGroup { group in
                    for _ in 0..<2 { group.addTask { _ = await pool.outcome("SELECT pg_sleep(3)") } }
                    try await eventually("both are in use") {
                        await pool.outcome("SELECT 1", timeout: .milliseconds(50)).failure != nil
                    }
                    let time = await ContinuousClock().measure {
                        let late = await pool.outcome("SELECT 1", timeout: .milliseconds(200))
                        #expect(late.failure?.code == .timedOut)
                    }
                    #expect(time >= .milliseconds(190) && time < .seconds(2))
                    group.cancelAll()
                }
            }
        }
    }

    @Test("At the bound of waiting callers one more fails at once")
    func busy() async throws {
        try await withPostgres { url in
            try await withPool(
                url,
                options: {
                    $0.maximum = 2
                    $0.maximumWaiting = 5
                }
            ) { pool in
                let codes = await withTaskGroup(returning: [PostgresError.Code?].self) { group in
                    for _ in 0..<10 { group.addTask { await pool.outcome("SELECT pg_sleep(0.5)").failure?.code } }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                // Of the connections one or two were up by then.
                #expect([3, 4].contains(codes.count { $0 == .busy }))
                #expect(codes.allSatisfy { $0 == .busy || $0 == nil })
            }
        }
    }

    @Test("A caller that is cancelled waits no longer, and leaves nothing behind")
    func cancelled() async throws {
        try await withPostgres { url in
            try await withPool(url, options: { $0.maximum = 2 }) { pool in
                let sleepers = (0..<2).map { _ in Task { await pool.outcome("SELECT pg_sleep(2)") } }
                try await eventually("both are in use") {
                    await pool.outcome("SELECT 1", timeout: .milliseconds(50)).failure != nil
                }
                let time = await ContinuousClock().measure {
                    await withTaskGroup { group in
                        for _ in 0..<50 { group.addTask { _ = await pool.outcome("SELECT 1", timeout: .seconds(60)) } }
                        group.cancelAll()
                    }
                }
                #expect(time < .seconds(1))
                for sleeper in sleepers {
                    sleeper.cancel()
                    #expect(await sleeper.value.failure == nil)
                }
                #expect(await pool.text("SELECT 1") == "1")
            }
        }
    }

    @Test("A connection is lent for more than one statement, and comes back")
    func lending() async throws {
        try await withPostgres { url in
            try await withPool(url) { pool in
                for _ in 0..<20 {
                    let description = try await pool.withConnection(timeout: .seconds(5)) {
                        (connection) throws(PostgresError) in
                        try await connection.describe("SELECT 1 AS one")
                    }
                    #expect(description.columns == [.init(name: "one", type: 23)])
                    await #expect(throws: PostgresError.self) {
                        try await pool.withConnection(timeout: .seconds(5)) { (_) throws(PostgresError) in
                            throw PostgresError(.refused, "no")
                        }
                    }
                }
            }
        }
    }

    @Test("Old connections are replaced while queries go on")
    func lifetime() async throws {
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
                #expect(!log.all.contains { $0.contains("away") })
            }
        }
    }
}
