// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// A Redis that answers, but refuses a part of the commands that a node needs.
@Suite("A Redis that is half usable")
struct HalfUsableRedisTests {
    private static let presences = RollcallClient.path(topic: "lobby", "presences")
    private static let alice = presences + "/alice/s1"

    /// The rules of a user, as the page on operations lists them.
    private func documentedRules() throws -> String {
        let page = try String(contentsOfFile: repository + "/docs/operations.md", encoding: .utf8)
        return String(try #require(page.firstMatch(of: /\*\*Users \(ACL\)\*\*:\s+`([^`]+)`/)).output.1)
    }

    /// Those rules without keys and channels.
    private func rights() throws -> String {
        let rules = try documentedRules()
        #expect(rules.hasSuffix(" ~rc:* &rc:*"))
        return rules.replacing(" ~rc:* &rc:*", with: "")
    }

    /// Sends a command on the test's own connection, which has all rights.
    @discardableResult
    private func send(_ redis: LocalRedis, _ command: String) -> String {
        LocalSocket.ask(redis.socketPath, command + "\r\n") ?? ""
    }

    private func url(_ redis: LocalRedis, _ user: String) -> String {
        redis.url.replacing("redis://", with: "redis://\(user)@")
    }

    /// The log lines of the component `redis` that contain one of these words.
    private func lines(_ node: RollcallProcess, _ words: String...) -> [String] {
        node.log.split(separator: "\n").map { String($0) }.filter { line in
            line.contains(" redis: ") && words.contains { line.contains($0) }
        }
    }

    private func fault(_ client: RollcallClient, _ check: String) async throws -> String? {
        try await client.get("/readyz").json["checks"]?.array?.first { $0["name"]?.string == check }?["detail"]?.string
    }

    // MARK: - Policy

    @Test func `a policy that evicts is logged once, not for each connection`() async throws {
        try await withLocalRedis { redis in
            send(redis, "CONFIG SET maxmemory-policy allkeys-lru")
            try await withRollcall(redis: redis.socketURL) { node in
                func count(_ words: String) -> Int { node.log.components(separatedBy: words).count - 1 }
                try await eventually("connections") { count("redis: connected") >= 2 }
                send(redis, "CLIENT KILL TYPE normal")
                try await eventually("new connections") { count("redis: connected") >= 4 }
                #expect(try await node.client.get(Self.presences).status == 200)
                try await eventually("the line") { count("maxmemory-policy may evict presences") >= 1 }
                #expect(count("maxmemory-policy may evict presences") == 1)
            }
        }
    }

    // MARK: - Rights

    /// Each of these users lacks something, and the node names it.
    @Test(
        arguments: [
            ("~rc:* resetchannels", "PUBLISH rc:{"), ("~rc:* resetchannels &rc:{*", "rc:invalidate"),
            ("~rc:* &rc:* -publish", "PUBLISH"), ("~rc:* &rc:* -subscribe", "SUBSCRIBE"),
            ("~rc:* &rc:* -info", "INFO"), ("~rc:* &rc:* -zadd", "ZADD"), ("~rc:* &rc:* -hset", "HSET"),
            ("~rc:* &rc:* -time", "TIME"), ("~rc:* &rc:* -multi", "MULTI"), ("~other:* &rc:*", "key rc:"),
            ("~rc:{* &rc:*", "key rc:nodes"), ("%R~rc:* &rc:*", "key rc:"), ("~rc:* &rc:* -script", "script"),
            ("~rc:* &rc:* -evalsha", "evalsha"), ("~rc:* &rc:* -hincrby", "HINCRBY"),
        ])
    func `A missing right is named at readyz and once in the log, and a refused write changes nothing`(
        rules: String, name: String
    ) async throws {
        try await withLocalRedis(port: true) { redis in
            send(redis, "ACL SETUSER app on >pw \(try rights()) \(rules)")
            try await withRollcall(redis: url(redis, "app:pw")) { node in
                let client = node.client
                try await eventually("the reason") {
                    try await client.get("/readyz").text.lowercased().contains(name.lowercased())
                }
                #expect(try await client.get("/readyz").status == 503)
                #expect(try await client.get("/readyz").text.contains("ROLLCALL_REDIS_URL"))
                for (method, path) in [("PUT", Self.alice), ("DELETE", Self.alice)] {
                    let answer = try await client.send(method, path)
                    #expect(answer.status == 503, "\(method)")
                    #expect(answer.header("Retry-After") != nil)
                }
                #expect(send(redis, "EXISTS rc:{51}:h:lobby rc:{51}:z:lobby rc:{51}:m:lobby").hasPrefix(":0"))
                try await eventually("one line") { lines(node, "cannot be used").count == 1 }

                send(redis, "ACL SETUSER app +@all allkeys allchannels")
                try await eventually("ready") { try await client.get("/readyz").status == 200 }
                #expect(try await client.put(Self.alice).status == 201)
                try await eventually("the end of it") { !lines(node, "trouble ended").isEmpty }
                #expect(lines(node, "cannot be used").count == 1)
            }
        }
    }

    @Test func `A user with the rights in docs/operations.md may run every command`() async throws {
        try await withLocalRedis(port: true) { redis in
            send(redis, "ACL SETUSER app on >pw \(try documentedRules())")
            try await withRollcall(redis: url(redis, "app:pw")) { node in
                let client = node.client
                try await eventually("ready") { try await client.get("/readyz").json["status"] == "ready" }
                let stream = try await client.events(
                    RollcallClient.path(topic: "lobby", "events") + "?key=bob&session=b")
                _ = try await stream.next("tracked")
                #expect(try await client.put(Self.alice).status == 201)
                #expect(try await client.put(Self.alice, #"{"meta":{"a":1}}"#).status == 200)
                #expect(try await client.post(Self.alice + "/heartbeat").status == 200)
                for path in [Self.presences, Self.presences + "/alice", "/v1/topics", "/v1/topics/lobby"] {
                    #expect(try await client.get(path).status == 200, "\(path)")
                }
                #expect(try await client.delete(Self.alice).status == 204)
                await stream.close()
            }
            #expect(send(redis, "ACL LOG").hasPrefix("*0"))
        }
    }

    @Test
    func `If a right is taken away, writes get 503, lists and streams go on, and no presence ends`()
        async throws
    {
        try await withLocalRedis(port: true) { redis in
            send(redis, "ACL SETUSER app on >pw \(try documentedRules())")
            try await withRollcall(redis: url(redis, "app:pw"), environment: ["ROLLCALL_DEFAULT_TTL": "5"]) { node in
                let client = node.client
                let stream = try await client.events(
                    RollcallClient.path(topic: "lobby", "events") + "?key=bob&session=b")
                _ = try await stream.next("tracked")
                #expect(try await client.put(Self.alice, #"{"ttl":60}"#).status == 201)
                send(redis, "ACL SETUSER app -hincrby")
                try await eventually("not ready") { try await client.get("/readyz").status == 503 }
                #expect(try await client.put(Self.presences + "/carol/c").status == 503)
                #expect(try await client.delete(Self.alice).status == 503)
                let list = try await client.get(Self.presences)
                #expect(list.status == 200 && list.text.contains("alice") && !list.text.contains("carol"))
                #expect(send(redis, "HEXISTS rc:{51}:h:lobby carol\u{1f}c").hasPrefix(":0"))
                send(redis, "ACL SETUSER app +hincrby")
                try await eventually("ready") { try await client.get("/readyz").status == 200 }
                #expect(try await client.put(Self.presences + "/carol/c").status == 201)
                let text = try await client.get(Self.presences).text
                #expect(text.contains("alice") && text.contains("bob") && text.contains("carol"))
                #expect(!stream.events.contains { $0.data.contains("expired") })
                await stream.close()
            }
        }
    }

    // MARK: - Credentials and servers

    @Test(
        arguments: [
            (["--requirepass", "right"], ":wrong", "", "WRONGPASS"), (["--requirepass", "right"], "", "", "NOAUTH"),
            ([], ":needless", "", "no password"), ([], "", "/99", "no database 99"),
            (["--databases", "4"], "", "/4", "no database 4"),
        ])
    func `A fault that does not pass by itself is named at once with its setting, in one line and at readyz`(
        arguments: [String], user: String, path: String, words: String
    ) async throws {
        try await withLocalRedis(port: true, arguments: arguments) { redis in
            let address = (user.isEmpty ? redis.url : url(redis, user)) + path
            let begin = ContinuousClock.now
            try await withRollcall(redis: address) { node in
                #expect(ContinuousClock.now - begin < .seconds(4) * patience)
                let client = node.client
                let ready = try await client.get("/readyz")
                #expect(ready.status == 503)
                let detail = try await fault(client, "redis") ?? ""
                #expect(detail.contains(words) && detail.contains("ROLLCALL_REDIS_URL"), "\(detail)")
                #expect(detail.contains("does not pass by itself"))
                #expect(try await client.put(Self.alice).status == 503)
                #expect(
                    try await client.metric(
                        "rollcall_redis_trouble{reason=\"\(words.hasPrefix("no database") ? "database" : "password")\"}"
                    ) == 1)
                try await eventually("one line") {
                    let reported = lines(node, "cannot be used")
                    return reported.count == 1 && reported[0].contains(words)
                }
                #expect(!node.log.contains(":wrong") && !node.log.contains("needless"))
            }
        }
    }

    @Test func `A Redis in cluster mode is refused for that reason, and no write happens`() async throws {
        let bus = try LocalSocket.freePort()
        let arguments = ["--cluster-enabled", "yes", "--cluster-port", "\(bus)"]
        try await withLocalRedis(port: true, arguments: arguments) { redis in
            send(redis, "CLUSTER ADDSLOTSRANGE 0 16383")
            try await withRollcall(redis: redis.url) { node in
                let client = node.client
                let ready = try await client.get("/readyz")
                #expect(ready.status == 503)
                #expect(try await fault(client, "redis")?.contains("cluster mode") == true)
                #expect(try await client.put(Self.alice).status == 503)
                #expect(send(redis, "DBSIZE").hasPrefix(":0"))
                try await eventually("the line") { !lines(node, "cannot be used").isEmpty }
                #expect(lines(node, "cannot be used").count == 1)
            }
        }
    }

    // MARK: - Writes

    @Test func `A full Redis causes one log line and a metric, the node stays ready, and lists and leaves go on`()
        async throws
    {
        try await withLocalRedis { redis in
            try await withRollcall(redis: redis.socketURL) { node in
                let client = node.client
                #expect(try await client.put(Self.alice, #"{"ttl":60}"#).status == 201)
                #expect(try await client.metric("rollcall_redis_trouble{reason=\"full\"}") == 0)
                send(redis, "CONFIG SET maxmemory 1")
                for session in 1...20 {
                    let answer = try await client.put(Self.presences + "/bob/\(session)")
                    #expect(answer.status == 503)
                }
                try await eventually("the metric") {
                    try await client.metric("rollcall_redis_trouble{reason=\"full\"}") == 1
                }
                let ready = try await client.get("/readyz")
                #expect(ready.status == 200)
                #expect(try ready.json["status"] == "degraded")
                #expect(try await fault(client, "redis_writes")?.hasPrefix("OOM") == true)
                let list = try await client.get(Self.presences)
                #expect(list.status == 200 && list.text.contains("alice") && !list.text.contains("bob"))
                #expect(try await client.post(Self.alice + "/heartbeat").status == 200)
                #expect(try await client.delete(Self.alice).status == 204)
                try await eventually("one line") { lines(node, "refuses writes").count == 1 }
                #expect(node.log.split(separator: "\n").count { $0.contains("OOM") } == 1)

                send(redis, "CONFIG SET maxmemory 0")
                #expect(try await client.put(Self.presences + "/bob/1").status == 201)
                try await eventually("the end of it", timeout: .seconds(20)) { !lines(node, "trouble ended").isEmpty }
                #expect(try await client.metric("rollcall_redis_trouble{reason=\"full\"}") == 0)
                #expect(try await client.get("/readyz").json["status"] == "ready")
            }
        }
    }

    @Test(arguments: [
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "READONLY"),
        ("CONFIG SET min-replicas-to-write 1", "CONFIG SET min-replicas-to-write 0", "NOREPLICAS"),
    ])
    func `While Redis refuses writes, lists, entries and streams go on, and readyz names the reason`(
        begin: String, end: String, code: String
    ) async throws {
        try await withLocalRedis { redis in
            try await withRollcall(redis: redis.socketURL) { node in
                let client = node.client
                #expect(try await client.put(Self.alice, #"{"ttl":120}"#).status == 201)
                send(redis, begin)
                try await eventually("the reason") { try await fault(client, "redis_writes")?.contains(code) == true }
                #expect(try await client.get("/readyz").status == 503)
                #expect(try await client.put(Self.presences + "/bob/1").status == 503)
                for path in [Self.presences, Self.presences + "/alice", "/v1/topics", "/v1/topics/lobby"] {
                    let answer = try await client.get(path)
                    #expect(answer.status == 200, "\(path) \(answer.text)")
                }
                let stream = try await client.events(RollcallClient.path(topic: "lobby", "events"))
                #expect(try await stream.next("presence_state").data.contains("alice"))
                await stream.close()
                try await eventually("one line") { lines(node, "refuses writes").count == 1 }
                send(redis, end)
                try await eventually("a write") { try await client.put(Self.presences + "/bob/1").status == 201 }
                try await eventually("ready") { try await client.get("/readyz").status == 200 }
            }
        }
    }
}
