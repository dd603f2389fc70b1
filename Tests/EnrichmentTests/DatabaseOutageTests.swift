// Rollcall · EnrichmentTests

import LocalServices
import Postgres
import PresenceModel
import TestSupport
import Testing

@testable import Enrichment

@Suite("The fetch hook during and after an outage of PostgreSQL")
struct DatabaseOutageTests {
    /// How the server fails, and how it comes back.
    enum Outage: CaseIterable {
        case frozen
        case killed
        case stopped

        func begin(_ postgres: LocalPostgres) async {
            switch self {
            case .frozen: postgres.pause()
            case .killed: await postgres.kill()
            case .stopped: await postgres.halt()
            }
        }

        func end(_ postgres: LocalPostgres) async throws {
            switch self {
            case .frozen: postgres.resume()
            case .killed, .stopped: try await postgres.restart()
            }
        }
    }

    private static let first = #","user":{"n":0}"#

    @Test(
        arguments: Outage.allCases)
    func `While the database is down, entries do not wait and known data stays; once it is back, the data is right`(
        _ outage: Outage
    ) async throws {
        try await withLocalPostgres { postgres in
            try await prepare(postgres)
            try await DatabaseHook.with(FetchRule.standard(for: .standard), url: postgres.url) { database in
                try await database.awaitAnswer("k0", Self.first)
                await outage.begin(postgres)
                for number in 1..<8 {
                    let shown = await database.running.shown("k\(number)")
                    #expect(shown == #","enriched":false"#)
                }
                try await eventually("the fault shows") { database.hook.faults.count == 1 }
                #expect(database.hook.known(keys("k0"), leaving: [], on: topic("room"))?.text("k0") == Self.first)
                try await outage.end(postgres)
                let incomplete = Set(keys(1..<8))
                try await eventually("the incomplete keys are reported") {
                    database.running.reported.isSuperset(of: incomplete)
                }
                #expect(database.hook.faults.isEmpty)
                let after = await database.hook.fetch(keys(0..<8), leaving: [], on: topic("room"))
                #expect(after.incomplete.isEmpty && after.text("k7") == #","user":{"n":7}"#)
            }
        }
    }

    @Test func `A restart of the database between two queries affects no entry`() async throws {
        try await withLocalPostgres { postgres in
            try await prepare(postgres)
            try await DatabaseHook.with(url: postgres.url) { database in
                _ = await database.running.shown("k0")
                try await postgres.restart()
                try await database.awaitAnswer("k1", #","user":{"n":1}"#)
            }
        }
    }

    @Test func `After the end of all sessions the data is soon complete again, without a fault`() async throws {
        try await withProfiles { url, connection in
            try await connection.put((0..<300).map { ("k\($0)", #"{"n":\#($0)}"#) })
            try await DatabaseHook.with(url: url) { database in
                for number in 0..<100 {
                    if number % 20 == 10 {
                        try await connection.run(
                            """
                            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE datname = current_database() AND pid <> pg_backend_pid()
                            """)
                    }
                    _ = await database.running.shown("k\(number)")
                }
                try await eventually("all data is there") {
                    let fields = await database.hook.fetch(keys(0..<100), leaving: [], on: topic("room"))
                    return fields.incomplete.isEmpty && fields.text("k99") == #","user":{"n":99}"#
                }
                #expect(database.hook.faults.isEmpty)
            }
        }
    }

    @Test func `A hook that starts before its database and its migrations works once both are there`()
        async throws
    {
        try await withLocalPostgres { postgres in
            await postgres.halt()
            try await DatabaseHook.with(url: postgres.url, isValidated: false) { database in
                let shown = await database.running.shown("k1")
                #expect(shown == #","enriched":false"#)
                try await postgres.restart()
                try await eventually("the missing table shows") {
                    database.hook.faults.first?.contains("run `rollcall migrate`") == true
                }
                try await prepare(postgres)
                try await database.awaitAnswer("k1", #","user":{"n":1}"#)
                try await eventually { database.running.reported == Set(keys("k1")) }
                #expect(database.hook.faults.isEmpty)
            }
        }
    }

    private func prepare(_ postgres: LocalPostgres) async throws {
        let connection = try await PostgresConnection.connect(
            to: try PostgresURL(postgres.url), timeout: .seconds(60))
        defer { connection.close() }
        try await migrate(connection)
        try await connection.put((0..<8).map { ("k\($0)", #"{"n":\#($0)}"#) })
    }
}
