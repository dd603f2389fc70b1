// Rollcall · EndToEndTests

import LocalServices
import TestSupport
import Testing

/// The reports of a node about faults of its database that only an operator can end.
@Suite("Faults of the database")
struct DatabaseFaultTests {
    private func psql(_ database: String, _ sql: String) async throws {
        let name = database.dropFirst("postgresql:///".count).prefix { $0 != "?" }
        try await SharedPostgres.postgres.psql(sql, database: String(name))
    }

    private func withNode(_ url: String, _ body: (RollcallProcess) async throws -> Void) async throws {
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_DATABASE_URL": url]
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { try await body($0) }
    }

    /// The detail of a check at `/readyz`; nil without a fault.
    private func fault(_ check: String, of node: RollcallProcess) async throws -> String? {
        let ready = try await node.client.get("/readyz")
        #expect(ready.status == 200)
        return try ready.json["checks"]?.array?.first { $0["name"]?.string == check }?["detail"]?.string
    }

    @Test(.enabled(if: Pooler.isInstalled))
    func `behind PgBouncer in transaction mode a node reports that notifications do not arrive, until they do`()
        async throws
    {
        try await withPostgres { database in
            let migrated = try await RollcallProcess.run(["migrate"], environment: ["ROLLCALL_DATABASE_URL": database])
            #expect(migrated.code == 0)
            let pooler = try Pooler(before: database)
            defer { pooler.remove() }
            let name = String(database.dropFirst("postgresql:///".count).prefix { $0 != "?" })
            let settings = [
                "ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_DATABASE_URL": pooler.url(database: name),
            ]
            let redis = try await SharedRedis.url
            let node = try await pooler.run(mode: "transaction") {
                let node = try await RollcallProcess.serve(redis: redis, environment: settings)
                try await eventually("the fault", timeout: .seconds(20)) {
                    try await fault("notifications", of: node)?.contains("pool in session mode") == true
                }
                #expect(try await node.client.get("/readyz").json["status"] == "degraded")
                try await eventually("one line") { node.log.ranges(of: "notifications do not arrive").count == 1 }
                return node
            }
            try await pooler.run(mode: "session") {
                try await eventually("the end of the fault", timeout: .seconds(40)) {
                    try await node.client.get("/readyz").json["status"] == "ready"
                }
                try await eventually("the line of the end") { node.log.contains("notifications arrive") }
                #expect(node.log.ranges(of: "notifications do not arrive").count == 1)
                await node.terminate()
            }
        }
    }

    @Test func `a wrong database user is logged once, with what to do, and a node recovers without a restart`()
        async throws
    {
        try await withPostgres { database in
            let migrated = try await RollcallProcess.run(["migrate"], environment: ["ROLLCALL_DATABASE_URL": database])
            #expect(migrated.code == 0)
            let role = "r\(UInt32.random(in: 0 ... .max))"
            try await withNode(database.replacing("user=postgres", with: "user=\(role)")) { node in
                try await eventually("the fault") {
                    try await fault("fetch_hook", of: node)?.contains("check the user, the password") == true
                }
                try await eventually("the line") { node.log.contains("postgres: unavailable") }
                #expect(node.log.contains("check the user"))
                #expect(node.log.ranges(of: "postgres: unavailable").count == 1)
                #expect(!node.log.contains("warning  enrichment: cannot listen for changes"))
                try await psql(database, "CREATE ROLE \(role) LOGIN; GRANT SELECT ON profiles TO \(role)")
                try await eventually("the end of the fault", timeout: .seconds(30)) {
                    try await node.client.get("/readyz").json["status"] == "ready"
                }
            }
            try await psql(database, "REVOKE ALL ON profiles FROM \(role); DROP ROLE \(role)")
        }
    }

    @Test(arguments: [
        ("DROP TABLE profiles", "rollcall migrate"),
        ("ALTER TABLE profiles RENAME COLUMN data TO info", "change the query"),
    ])
    func `a table or column that another program removed is named at readyz and in one log line`(
        change: String, words: String
    ) async throws {
        try await withPostgres { database in
            let migrated = try await RollcallProcess.run(["migrate"], environment: ["ROLLCALL_DATABASE_URL": database])
            #expect(migrated.code == 0)
            try await withNode(database) { node in
                try await psql(database, change)
                var number = 0
                try await eventually("the fault") {
                    number += 1
                    _ = try await node.client.put(
                        RollcallClient.path(topic: "lobby", "presences", "k\(number)", "s"), "{}")
                    _ = try await node.client.get(RollcallClient.path(topic: "lobby", "presences"))
                    return try await fault("fetch_hook", of: node)?.contains(words) == true
                }
                try await eventually("the line") { node.log.contains("enrichment: rule fails") }
                #expect(node.log.contains(words))
                #expect(node.log.ranges(of: "enrichment: rule fails").count == 1)
            }
        }
    }
}
