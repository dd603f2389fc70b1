// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// Revocations and removals on several nodes: their streams, a Redis that loses its data, and one that is away.
@Suite("Revocations and removals")
struct RevocationTests {
    private static let secret = "a secret of these tests, longer than 32 bytes"
    private static let events = "/v1/topics/room/events"
    private static let list = "/v1/topics/room/presences"

    /// An API key that may do all, with the setting of the nodes for it.
    private struct Admin {
        let headers: [String: String]
        let entry: String

        static func make() async throws -> Admin {
            let rights = #"{"topic_prefixes":{"":["track:any","see"]},"service":["revoke","remove","operate"]}"#
            let made = try await RollcallProcess.apiKey(["--rights", rights])
            return Admin(headers: ["Authorization": "Bearer \(made.key)"], entry: "[\(made.entry)]")
        }
    }

    private func settings(_ admin: Admin, prefix: String) -> [String: String] {
        ["ROLLCALL_TOKEN_SECRET": Self.secret, "ROLLCALL_API_KEYS": admin.entry, "ROLLCALL_REDIS_PREFIX": prefix]
    }

    /// Lends two nodes on one Redis.
    private func withNodes(
        redis: String? = nil,
        _ body: (_ one: RollcallProcess, _ two: RollcallProcess, _ admin: Admin) async throws -> Void
    ) async throws {
        let admin = try await Admin.make()
        let settings = settings(admin, prefix: uniquePrefix())
        let url: String
        if let redis { url = redis } else { url = try await SharedRedis.url }
        try await withRollcall(redis: url, environment: settings) { one in
            try await withRollcall(redis: url, environment: settings) { two in try await body(one, two, admin) }
        }
    }

    /// The fields of a request with a token that the program itself makes.
    private func token(_ key: String) async throws -> [String: String] {
        let rights = #"{"topics":{"room":["track","see"],"other":["track","see"]}}"#
        return try await RollcallProcess.token(key, rights: rights, secret: Self.secret)
    }

    private func revoke(_ body: String, on node: RollcallProcess, _ admin: Admin) async throws -> String {
        let answer = try await node.client.post("/v1/revocations", body, headers: admin.headers)
        try #require(answer.status == 201, "\(answer.text)")
        return try #require(try answer.json["id"]?.string)
    }

    private func remove(_ body: String, on node: RollcallProcess, _ admin: Admin) async throws -> Int? {
        let answer = try await node.client.post("/v1/removals", body, headers: admin.headers)
        try #require(answer.status == 200, "\(answer.text)")
        return try answer.json["removed"]?.int
    }

    private func expectEnd(_ stream: SSEClient, _ reason: String, problem: String) async throws {
        #expect(try await stream.next("error").data.contains("/problems/\(problem)"))
        #expect(try await stream.next("end").data == #"{"reason":"\#(reason)","reconnect":false}"#)
        try await eventually("the end of the stream") { stream.end != nil }
    }

    /// The reasons of the next diff in which a key leaves.
    private func reasonsOfLeave(of key: String, to watcher: SSEClient) async throws -> [String] {
        while true {
            let diff = try await watcher.next("presence_diff").json
            guard diff["leaves"]?[key] != nil else { continue }
            return diff["reasons"]?.object?.values.compactMap(\.string) ?? []
        }
    }

    // MARK: Revocations

    @Test func `a revocation ends streams and tickets of the user on every node, and the presences leave as removed`()
        async throws
    {
        try await withNodes { one, two, admin in
            let headers = try await token("alice")
            let watcher = try await one.client.events(Self.events, headers: try await token("bob"))
            _ = try await watcher.next("presence_state")
            let path = Self.events + "?key=alice&session=s&grace=60"
            var streams: [SSEClient] = []
            for node in [one, two] { streams.append(try await node.client.events(path, headers: headers)) }
            for stream in streams { _ = try await stream.next("presence_state") }
            let ticket = try await two.client.post("/v1/tickets", #"{"topic":"room"}"#, headers: headers)
            let url = try #require(try ticket.json["url"]?.string)

            let id = try await revoke(#"{"sub":"alice"}"#, on: one, admin)
            for stream in streams { try await expectEnd(stream, "revoked", problem: "unauthenticated") }
            let reasons = try await reasonsOfLeave(of: "alice", to: watcher)
            #expect(reasons == ["removed"] && watcher.end == nil)
            for node in [one, two] {
                let refused = try await node.client.get(Self.list, headers: headers)
                #expect(refused.status == 401 && refused.text.contains("The token was revoked."))
                let list = try await node.client.get("/v1/revocations", headers: admin.headers).json["revocations"]
                #expect(list?[0]?["id"]?.string == id && list?[0]?["sub"]?.string == "alice")
                #expect(try await node.client.metric("rollcall_revocations", headers: admin.headers) == 1)
            }
            let opened = try await two.client.get(url)
            #expect(opened.status == 401 && opened.text.contains("was revoked"))

            // A token of a later second is valid.
            try await eventually("a new token") {
                try await two.client.get(Self.list, headers: try await token("alice")).status == 200
            }
            #expect(try await two.client.delete("/v1/revocations/\(id)", headers: admin.headers).status == 204)
            for node in [one, two] {
                try await eventually("the lifting") {
                    try await node.client.get(Self.list, headers: headers).status == 200
                }
            }
            await watcher.close()
        }
    }

    @Test func `a revocation ends a stream on another node within a second`() async throws {
        try await withNodes { one, two, admin in
            var times: [Duration] = []
            for number in 0..<3 {
                let stream = try await two.client.events(Self.events, headers: try await token("user\(number)"))
                _ = try await stream.next("presence_state")
                let start = ContinuousClock.now
                _ = try await revoke(#"{"sub":"user\#(number)"}"#, on: one, admin)
                _ = try await stream.next("end")
                times.append(start.duration(to: .now))
            }
            // The fastest of three, because the machine may pause.
            #expect(try #require(times.min()) < .seconds(1), "\(times)")
        }
    }

    @Test func `a revoked API key is refused on every node, and its streams end`() async throws {
        let (made, admin) = (try await Admin.make(), try await Admin.make())
        let entries = [made, admin].map { String($0.entry.dropFirst().dropLast()) }
        var settings = settings(admin, prefix: uniquePrefix())
        settings["ROLLCALL_API_KEYS"] = "[\(entries.joined(separator: ","))]"
        let url = try await SharedRedis.url
        try await withRollcall(redis: url, environment: settings) { one in
            try await withRollcall(redis: url, environment: settings) { two in
                let stream = try await two.client.events(Self.events, headers: made.headers)
                _ = try await stream.next("presence_state")
                let id = try #require(made.entry.firstMatch(of: #/"id":"([a-z0-9]{8})"/#)?.output.1)
                _ = try await revoke(#"{"api_key":"\#(id)"}"#, on: one, admin)
                try await expectEnd(stream, "revoked", problem: "unauthenticated")
                for node in [one, two] {
                    #expect(try await node.client.get(Self.list, headers: made.headers).status == 401)
                    #expect(try await node.client.get(Self.list, headers: admin.headers).status == 200)
                }
            }
        }
    }

    @Test func `after FLUSHALL nodes put revocations back, and refuse the token all the time`() async throws {
        try await withLocalRedis { redis in
            try await withNodes(redis: redis.url) { one, two, admin in
                let headers = try await token("alice")
                let id = try await revoke(#"{"sub":"alice"}"#, on: one, admin)
                try await eventually("the other node") {
                    try await two.client.get(Self.list, headers: headers).status == 401
                }
                #expect(try await Command.run("redis-cli", ["-s", redis.socketPath, "FLUSHALL"]).code == 0)
                try await eventually("the revocation in Redis") {
                    for node in [one, two] {
                        #expect(try await node.client.get(Self.list, headers: headers).status == 401)
                    }
                    let keys = try await Command.run("redis-cli", ["-s", redis.socketPath, "KEYS", "*revoked"])
                    let key = keys.output.trimmingCharacters(in: .whitespacesAndNewlines)
                    guard !key.isEmpty else { return false }
                    let there = try await Command.run("redis-cli", ["-s", redis.socketPath, "HEXISTS", key, id])
                    return there.output.hasPrefix("1")
                }
                for node in [one, two] {
                    let list = try await node.client.get("/v1/revocations", headers: admin.headers).json["revocations"]
                    #expect(list?[0]?["id"]?.string == id)
                }
            }
        }
    }

    @Test func `while Redis is away a revoked token stays refused, and no revocation is made or lifted`() async throws {
        try await withLocalRedis(arguments: ["--appendonly", "yes", "--appendfsync", "always"]) { redis in
            try await withNodes(redis: redis.url) { one, two, admin in
                let (alice, bob) = (try await token("alice"), try await token("bob"))
                let id = try await revoke(#"{"sub":"alice"}"#, on: one, admin)
                try await eventually("the other node") {
                    try await two.client.get(Self.list, headers: alice).status == 401
                }
                let stream = try await two.client.events(Self.events, headers: bob)
                _ = try await stream.next("presence_state")
                await redis.kill()
                for node in [one, two] {
                    #expect(try await node.client.get(Self.events, headers: alice).status == 401)
                    let made = try await node.client.post(
                        "/v1/revocations", #"{"sub":"bob"}"#, headers: admin.headers)
                    #expect(made.status == 503 && made.header("Retry-After") != nil, "\(made.text)")
                    let lifted = try await node.client.delete("/v1/revocations/\(id)", headers: admin.headers)
                    #expect(lifted.status == 503, "\(lifted.text)")
                }
                // What was not made has no effect.
                #expect(stream.end == nil)
                try await redis.restart()
                try await eventually("an answer of Redis") {
                    try await one.client.get("/v1/revocations", headers: admin.headers).status == 200
                }
                for node in [one, two] {
                    #expect(try await node.client.get(Self.list, headers: alice).status == 401)
                    try await eventually("a list for bob") {
                        try await node.client.get(Self.list, headers: bob).status == 200
                    }
                }
                await stream.close()
            }
        }
    }

    @Test func `a node that starts without Redis refuses credentials until it has read what is revoked`() async throws {
        try await withLocalRedis(arguments: ["--appendonly", "yes", "--appendfsync", "always"]) { redis in
            let admin = try await Admin.make()
            let settings = settings(admin, prefix: uniquePrefix())
            let (alice, bob) = (try await token("alice"), try await token("bob"))
            try await withRollcall(redis: redis.url, environment: settings) { node in
                _ = try await revoke(#"{"sub":"alice"}"#, on: node, admin)
                await redis.kill()
                try await eventually("the loss of Redis") {
                    try await node.client.get("/readyz", headers: admin.headers).status == 503
                }
                // It goes on with what it knew.
                #expect(try await node.client.get(Self.list, headers: alice).status == 401)
            }
            try await withRollcall(redis: redis.url, environment: settings) { node in
                for headers in [alice, bob, admin.headers] {
                    let refused = try await node.client.get(Self.events, headers: headers)
                    #expect(refused.status == 503 && refused.header("Retry-After") != nil, "\(refused.text)")
                    #expect(refused.text.contains("which credentials are revoked"))
                }
                let checks = try await node.client.get("/readyz", headers: admin.headers)
                #expect(checks.status == 503 && checks.text.contains("the revocations have not been read yet"))
                #expect(try await node.client.get("/metrics", headers: admin.headers).status == 200)
                try await redis.restart()
                try await eventually("an answer to bob") {
                    try await node.client.get(Self.list, headers: bob).status == 200
                }
                #expect(try await node.client.get(Self.list, headers: alice).status == 401)
            }
        }
    }

    // MARK: Removals

    @Test func `a removal ends the presences and streams of a user on a topic, and refuses it there, on every node`()
        async throws
    {
        try await withNodes { one, two, admin in
            let headers = try await token("alice")
            let watcher = try await one.client.events(Self.events, headers: try await token("bob"))
            _ = try await watcher.next("presence_state")
            let present = try await two.client.events(Self.events + "?key=alice&session=s&grace=0", headers: headers)
            let observing = try await two.client.events("/v1/events?topic=other&topic=room", headers: headers)
            let elsewhere = try await two.client.events("/v1/topics/other/events?key=alice", headers: headers)
            for stream in [present, observing, elsewhere] { _ = try await stream.next("presence_state") }

            #expect(try await remove(#"{"topic":"room","key":"alice"}"#, on: one, admin) == 1)
            for stream in [present, observing] { try await expectEnd(stream, "removed", problem: "removed") }
            let reasons = try await reasonsOfLeave(of: "alice", to: watcher)
            #expect(reasons == ["removed"])
            for node in [one, two] {
                for path in [Self.list, Self.events, Self.events + "?key=alice", "/v1/events?topic=other&topic=room"] {
                    let refused = try await node.client.get(path, headers: headers)
                    #expect(refused.status == 403 && refused.text.contains("/problems/removed"), "\(path)")
                    #expect(refused.header("Retry-After") != nil)
                }
                let tracked = try await node.client.put(Self.list + "/alice/t", "{}", headers: admin.headers)
                #expect(tracked.status == 403)
            }
            #expect(elsewhere.end == nil && watcher.end == nil)
            #expect(try await two.client.get("/v1/topics/other/presences", headers: headers).text.contains("alice"))
            for stream in [elsewhere, watcher] { await stream.close() }
        }
    }

    @Test func `a removal of one session ends its stream, and the other session stays`() async throws {
        try await withNodes { one, two, admin in
            let headers = try await token("alice")
            let old = try await one.client.events(Self.events + "?key=alice&session=old", headers: headers)
            let new = try await two.client.events(Self.events + "?key=alice&session=new", headers: headers)
            for stream in [old, new] { _ = try await stream.next("presence_state") }
            #expect(try await remove(#"{"topic":"room","key":"alice","session":"old"}"#, on: two, admin) == 1)
            try await expectEnd(old, "removed", problem: "removed")
            let again = try await two.client.get(Self.events + "?key=alice&session=old", headers: headers)
            #expect(again.status == 403)
            #expect(try await one.client.get(Self.list + "/alice", headers: headers).json["metas"]?.array?.count == 1)
            #expect(new.end == nil)
            await new.close()
        }
    }

    @Test func `with a port for operators revocations and removals are there alone, and reads need no credential`()
        async throws
    {
        let admin = try await Admin.make()
        let port = try LocalSocket.freePort()
        var settings = settings(admin, prefix: uniquePrefix())
        settings["ROLLCALL_OPERATOR_PORT"] = "\(port)"
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
            let operators = RollcallClient("http://127.0.0.1:\(port)")
            try await eventually("the port") { (try? await operators.get("/readyz").status) == 200 }
            for (path, body) in [
                ("/v1/revocations", #"{"sub":"alice"}"#), ("/v1/removals", #"{"topic":"room","key":"bob"}"#),
            ] {
                #expect(try await node.client.post(path, body, headers: admin.headers).status == 404)
                #expect(try await operators.post(path, body).status == 401)
                let answer = try await operators.post(path, body, headers: admin.headers)
                #expect([200, 201].contains(answer.status), "\(answer.text)")
            }
            let list = try await operators.get("/v1/revocations")
            #expect(list.status == 200 && list.text.contains("alice") && !list.text.contains("bob"))
            let id = try #require(try list.json["revocations"]?[0]?["id"]?.string)
            #expect(try await operators.delete("/v1/revocations/\(id)").status == 401)
            #expect(try await operators.delete("/v1/revocations/\(id)", headers: admin.headers).status == 204)
            #expect(try await node.client.get("/v1/revocations", headers: admin.headers).status == 404)
        }
    }
}
