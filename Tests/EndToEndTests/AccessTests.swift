// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// Whole nodes with keys: their start, their streams, the retirement of keys, the commands.
@Suite("Access to a node")
struct AccessTests {
    private static let secret = "a secret of these tests, longer than 32 bytes"

    private func withNode(
        _ more: [String: String] = [:], _ body: (RollcallProcess) async throws -> Void
    ) async throws {
        let settings = ["ROLLCALL_TOKEN_SECRET": Self.secret, "ROLLCALL_REDIS_PREFIX": uniquePrefix()]
        try await withRollcall(redis: try await SharedRedis.url, environment: settings.merging(more) { $1 }) {
            try await body($0)
        }
    }

    /// The fields of a request with a token that the program itself makes.
    private func token(_ key: String = "alice", rights: String, lifetime: Int = 3600) async throws -> [String: String] {
        try await RollcallProcess.token(key, rights: rights, lifetime: lifetime, secret: Self.secret)
    }

    @Test func `a node without keys starts only if it is opened, and logs it`() async throws {
        let redis = try await SharedRedis.url
        let refused = try await RollcallProcess.run(
            ["serve"], environment: ["ROLLCALL_REDIS_URL": redis, "ROLLCALL_OPEN": "false"])
        #expect(refused.code == 64 && refused.errors.contains("--open") && refused.errors.contains("ROLLCALL_API_KEYS"))
        let flags = ["serve", "--open"]
        let node = try await RollcallProcess.start(
            flags,
            environment: ["ROLLCALL_REDIS_URL": redis, "ROLLCALL_OPEN": "", "ROLLCALL_REDIS_PREFIX": uniquePrefix()])
        #expect(node.log.contains("access: node is open"))
        #expect(try await node.client.get("/readyz").text.contains("the node is open: callers need no credential"))
        #expect(try await node.client.get("/v1/topics/a").status == 200)
        await node.terminate()
    }

    @Test func `a secret in a flag is refused`() async throws {
        let outcome = try await RollcallProcess.run(
            ["serve", "--token-secret", Self.secret], environment: ["ROLLCALL_REDIS_URL": try await SharedRedis.url])
        #expect(
            outcome.code == 64 && outcome.errors.contains("--token-secret") && !outcome.errors.contains(Self.secret))
    }

    @Test func `a stream is the presence of the token's user, and of no other`() async throws {
        try await withNode { node in
            let headers = try await token(rights: #"{"topics":{"room":["track","see"]}}"#)
            let other = try await SSEClient.open(node.url + "/v1/topics/room/events?key=bob", headers: headers)
            #expect(other.status == 403)
            let own = try await SSEClient.open(node.url + "/v1/topics/room/events?key=alice", headers: headers)
            _ = try await own.next("tracked")
            #expect(try await own.next("presence_state").data.contains("alice"))
            #expect(try await SSEClient.open(node.url + "/v1/topics/other/events", headers: headers).status == 403)
            #expect(try await SSEClient.open(node.url + "/v1/topics/room/events").status == 401)
            await own.close()
        }
    }

    @Test func `a stream that may track and see nothing carries events of its own presence only`() async throws {
        try await withNode { node in
            let headers = try await token(rights: #"{"topics":{"room":["track"]}}"#)
            let full = try await token("bob", rights: #"{"topics":{"room":["track","see"]}}"#)
            let stream = try await SSEClient.open(node.url + "/v1/topics/room/events?key=alice", headers: headers)
            _ = try await stream.next("tracked")
            #expect(try await node.client.post("/v1/topics/room/presences", "{}", headers: full).status == 201)
            let deleted = try await node.client.delete("/v1/topics/room/presences/alice", headers: headers)
            #expect(deleted.status == 204)
            _ = try await stream.next("untracked")
            #expect(stream.events.allSatisfy { ["tracked", "untracked", "ping"].contains($0.name) && $0.id == nil })
            await stream.close()
        }
    }

    @Test func `the end of a token is announced, ends the stream, and leaves the presence its grace`() async throws {
        try await withNode { node in
            let rights = #"{"topics":{"room":["track","see"]}}"#
            let headers = try await token(rights: rights, lifetime: 4)
            let path = node.url + "/v1/topics/room/events?key=alice&session=s&grace=60"
            let stream = try await SSEClient.open(path, headers: headers)
            #expect(try await stream.next("expiring").data.contains("expires_at"))
            #expect(try await stream.next("error", timeout: .seconds(30)).data.contains("/problems/token-expired"))
            #expect(try await stream.next("end").data == #"{"reason":"token_expired","reconnect":false}"#)
            let watcher = try await token("bob", rights: rights)
            let list = try await node.client.get("/v1/topics/room/presences", headers: watcher)
            #expect(list.text.contains("alice"))
        }
    }

    @Test func `a user has so many streams and topics on a node, and a stream that ends makes room`() async throws {
        // An open node shows its metrics without a credential.
        try await withNode(["ROLLCALL_USER_LIMITS": "streams=2,topics=3", "ROLLCALL_OPEN": "true"]) { node in
            let headers = try await token(rights: #"{"topic_prefixes":{"":["see"]}}"#)
            func open(_ path: String) async throws -> SSEClient {
                try await SSEClient.open(node.url + path, headers: headers)
            }
            let first = try await open("/v1/topics/a/events")
            _ = try await first.next("presence_state")
            #expect(first.header("RateLimit")?.contains("user_requests") == true)
            let many = try await node.client.get("/v1/events?topic=b&topic=c&topic=d", headers: headers)
            #expect(try many.status == 403 && many.json["limit"]?.string == "user_topics")
            let second = try await open("/v1/topics/b/events")
            _ = try await second.next("presence_state")
            let third = try await node.client.get("/v1/topics/c/events", headers: headers)
            #expect(try third.status == 403 && third.json["type"]?.string == "/problems/limit-reached")
            #expect(try third.json["limit"]?.string == "user_streams" && third.json["maximum"]?.int == 2)
            let refused = #"rollcall_rate_limited_total{limit="user_streams"}"#
            #expect(try await node.client.metric(refused) == 1)
            try await eventually("a log line") { node.log.contains("access: limit reached, requests are refused") }
            await first.close()
            try await eventually("room for a stream") {
                let stream = try await open("/v1/topics/c/events")
                await stream.close()
                return stream.status == 200
            }
            await second.close()
        }
    }

    @Test func `SIGHUP retires a key, and ends the streams that it opened`() async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let file = folder + "/secret"
        try Self.secret.write(toFile: file, atomically: true, encoding: .utf8)
        let settings = [
            "ROLLCALL_TOKEN_SECRET_FILE": file, "ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_OPEN": "false",
        ]
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
            let headers = try await token(rights: #"{"topics":{"room":["see"]}}"#)
            let stream = try await SSEClient.open(node.url + "/v1/topics/room/events", headers: headers)
            _ = try await stream.next("presence_state")
            try "too short".write(toFile: file, atomically: true, encoding: .utf8)
            node.process.send(SIGHUP)
            try await eventually("the refusal of the new file") { node.log.contains("access: keys not read again") }
            #expect(try await node.client.get("/v1/topics/room", headers: headers).status == 200)
            try String(Self.secret.reversed()).write(toFile: file, atomically: true, encoding: .utf8)
            node.process.send(SIGHUP)
            #expect(try await stream.next("error").data.contains("/problems/token-expired"))
            #expect(try await node.client.get("/v1/topics/room", headers: headers).status == 401)
        }
    }

    @Test func `the commands send ROLLCALL_TOKEN, and an API key is made by a command`() async throws {
        let made = try await RollcallProcess.apiKey()
        try await withNode(["ROLLCALL_API_KEYS": "[\(made.entry)]"]) { node in
            let environment = ["ROLLCALL_URL": node.url, "ROLLCALL_TOKEN": made.key]
            let list = try await RollcallProcess.run(["list", "lobby"], environment: environment)
            #expect(list.code == 0 && list.output.contains("0 keys"), "\(list.errors)")
            let refused = try await RollcallProcess.run(["list", "lobby"], environment: ["ROLLCALL_URL": node.url])
            #expect(refused.code == 1 && refused.errors.contains("credential"), "\(refused.errors)")
            #expect(!node.log.contains(made.key))
            let headers = ["Authorization": "Bearer \(made.key)"]
            #expect(
                try await node.client.post("/v1/topics/lobby/presences", #"{"key":"a"}"#, headers: headers).status
                    == 201)
            let counting = try await token(rights: #"{"topics":{"lobby":["see:count"]}}"#)
            let credential = try #require(counting["Authorization"]?.dropFirst("Bearer ".count))
            let counts = try await RollcallProcess.run(
                ["list", "lobby"], environment: ["ROLLCALL_URL": node.url, "ROLLCALL_TOKEN": String(credential)])
            #expect(counts.output == "lobby: 1 key, 1 presence\n", "\(counts.errors)")
        }
    }
}
