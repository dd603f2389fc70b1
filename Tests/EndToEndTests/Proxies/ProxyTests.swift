// Rollcall · EndToEndTests

import LocalServices
import TestSupport
import Testing

@testable import rollcall

/// Real proxies with the configurations of docs/operations.md, in front of real nodes.
@Suite("The proxies of docs/operations.md")
struct ProxyTests {
    @Test(
        .enabled(
            if: Proxy.missing.isEmpty,
            "not installed: \(Proxy.missing); scripts/bootstrap test installs what the system has"))
    func `every proxy that is tested has a configuration in docs/operations.md`() throws {
        for proxy in Proxy.allCases { #expect(try !proxy.documented.isEmpty) }
    }

    @Test(
        arguments: zip(
            Proxy.allCases, [#"keepalive_timeout (\d+)s;"#, #"pool-purge-delay (\d+)s"#, #"keepalive (\d+)s"#]))
    func `a proxy closes an idle connection before a node does`(proxy: Proxy, pattern: String) throws {
        let match = try #require(try proxy.documented.firstMatch(of: try Regex(pattern)))
        let seconds = try #require(match.output[1].substring.flatMap { Int($0) })
        #expect(seconds < (SettingsTable.declared.idleTimeout.info.fallback.flatMap { Int($0) } ?? 0))
    }

    @Test(arguments: Proxy.installed)
    func `a proxy speaks HTTP/2, and forwards each event at once`(proxy: Proxy) async throws {
        try await withTwoNodes(["ROLLCALL_PING_INTERVAL": "30"]) { nodes in
            try await RunningProxy.with(proxy, nodes: nodes) { running in
                #expect(try await running.encrypted.get("/healthz").isHTTP2)
                for client in running.both {
                    let stream = try await client.events(path("room", "events"))
                    #expect(stream.header("Content-Encoding") == nil)
                    _ = try await stream.next("presence_state")
                    let direct = try await nodes[1].client.events(path("room", "events"))
                    _ = try await direct.next("presence_state")
                    var (fastest, fastestDirect) = (Duration.seconds(60), Duration.seconds(60))
                    for number in 0..<20 {
                        let start = ContinuousClock.now
                        let key = "\(client.baseURL.hasPrefix("https"))-\(number)"
                        #expect(try await nodes[0].client.put(path("room", "presences", key, "s"), "{}").status == 201)
                        #expect(try await direct.next("presence_diff").json["joins"]?[key] != nil)
                        fastestDirect = min(fastestDirect, ContinuousClock.now - start)
                        #expect(try await stream.next("presence_diff").json["joins"]?[key] != nil)
                        fastest = min(fastest, ContinuousClock.now - start)
                    }
                    // A proxy that waits for more bytes delays each event; a busy machine delays those without it too.
                    let bound = fastestDirect * 3 + .milliseconds(100)
                    #expect(fastest < bound, "the fastest of 20 events took \(fastest), without it \(fastestDirect)")
                    #expect(!stream.events.contains { $0.name == "ping" })
                    await stream.close()
                    await direct.close()
                }
            }
        }
    }

    @Test(arguments: Proxy.installed)
    func `a stream through a proxy resumes by its last id`(proxy: Proxy) async throws {
        try await withTwoNodes { nodes in
            try await RunningProxy.with(proxy, nodes: nodes) { running in
                for (number, client) in running.both.enumerated() {
                    let topic = "room\(number)"
                    // Keeps the replay ring of the topic at both nodes: the stream may resume at either.
                    var watchers: [SSEClient] = []
                    for node in nodes {
                        watchers.append(try await node.client.events(path(topic, "events")))
                        _ = try await watchers.last?.next("presence_state")
                    }
                    let stream = try await client.events(path(topic, "events"))
                    _ = try await stream.next("presence_state")
                    _ = try await nodes[0].client.put(path(topic, "presences", "alice", "s"), "{}")
                    _ = try await stream.next("presence_diff")
                    let last = stream.lastEventID
                    await stream.close()
                    _ = try await nodes[1].client.put(path(topic, "presences", "bob", "s"), "{}")
                    for watcher in watchers { _ = try await watcher.next("presence_diff") }
                    for watcher in watchers { _ = try await watcher.next("presence_diff") }

                    let resumed = try await client.events(path(topic, "events"), lastEventID: last)
                    let first = try await resumed.next()
                    #expect(first.name == "presence_diff")
                    #expect(try first.json["joins"]?["bob"] != nil && first.json["joins"]?["alice"] == nil)
                    for stream in watchers + [resumed] { await stream.close() }
                }
            }
        }
    }

    @Test(arguments: Proxy.installed)
    func `pings keep a stream open for longer than a proxy waits for a node`(proxy: Proxy) async throws {
        try await withTwoNodes(["ROLLCALL_PING_INTERVAL": "1"]) { nodes in
            let wait = proxy == .haproxy ? ["timeout client 60s", "timeout server 60s"] : ["proxy_read_timeout 60s"]
            // Caddy waits for ever.
            let edits = (proxy == .caddy ? [] : wait).map { (text: $0, replacement: $0.replacing("60s", with: "4s")) }
            try await RunningProxy.with(proxy, nodes: nodes, edits: edits) { running in
                for client in running.both {
                    let stream = try await client.events(path("quiet", "events"))
                    for _ in 0..<6 { _ = try await stream.next("ping") }
                    #expect(stream.end == nil)
                    await stream.close()
                }
            }
        }
    }

    @Test(arguments: Proxy.installed)
    func `the longest URLs pass: a meta of 4 KiB, and 50 topics with long names`(proxy: Proxy) async throws {
        try await withTwoNodes { nodes in
            try await RunningProxy.with(proxy, nodes: nodes) { running in
                let meta = #"{"text":""# + String(repeating: "é", count: 2042) + #""}"#
                #expect(meta.utf8.count <= 4096 && meta.utf8.count > 4090)
                let topics = (0..<50).map { String(repeating: "é", count: 126) + "-\($0)" }
                for client in running.both {
                    let query = "?grace=0&key=alice&meta=" + RollcallClient.encoded(meta)
                    let present = try await client.events(path("room", "events") + query)
                    #expect(present.status == 200)
                    _ = try await present.next("tracked")
                    await present.close()

                    let names = topics.map { "topic=" + RollcallClient.encoded($0) }
                    let many = try await client.events("/v1/events?" + names.joined(separator: "&"))
                    #expect(many.status == 200)
                    for _ in topics { _ = try await many.next("presence_state") }
                    await many.close()
                }
            }
        }
    }

    @Test(arguments: Proxy.installed)
    func `the presence of a client that closes its connection to the proxy leaves at once`(proxy: Proxy) async throws {
        try await withTwoNodes(["ROLLCALL_PING_INTERVAL": "30"]) { nodes in
            try await RunningProxy.with(proxy, nodes: nodes) { running in
                let observer = try await nodes[0].client.events(path("room", "events"))
                _ = try await observer.next("presence_state")
                for client in running.both {
                    let stream = try await client.events(path("room", "events") + "?key=alice&session=s&grace=0")
                    _ = try await stream.next("tracked")
                    #expect(try await observer.next("presence_diff").json["joins"]?["alice"] != nil)
                    await stream.close()
                    #expect(try await observer.next("presence_diff").json["leaves"]?["alice"] != nil)
                }
                #expect(!observer.events.contains { $0.name == "ping" })
            }
        }
    }

    @Test(arguments: Proxy.installed)
    func `a Phoenix socket opens through a proxy, gets diffs, and its presence leaves at its close`(
        proxy: Proxy
    ) async throws {
        try await withTwoNodes { nodes in
            try await RunningProxy.with(proxy, nodes: nodes) { running in
                let observer = try await nodes[0].client.events(path("room", "events"))
                _ = try await observer.next("presence_state")
                // The client of the test speaks no TLS.
                let socket = try await PhoenixClient.connect(running.plain.baseURL)
                #expect(try await socket.join("room", #"{"name":"alice"}"#).status == "ok")
                #expect(try await socket.next("presence_state", on: "room").payload["alice"] != nil)
                #expect(try await observer.next("presence_diff").json["joins"]?["alice"] != nil)

                #expect(try await nodes[1].client.put(path("room", "presences", "bob", "s"), "{}").status == 201)
                #expect(try await socket.next("presence_diff", on: "room").payload["joins"]?["bob"] != nil)
                #expect(try await observer.next("presence_diff").json["joins"]?["bob"] != nil)
                try await socket.socket.close()
                #expect(try await observer.next("presence_diff").json["leaves"]?["alice"] != nil)
                await observer.close()
            }
        }
    }

    @Test(arguments: Proxy.installed)
    func `a batch of 4 MiB passes, and a compressed list gets 304 by its tag`(proxy: Proxy) async throws {
        try await withTwoNodes { nodes in
            try await RunningProxy.with(proxy, nodes: nodes) { running in
                for (number, client) in running.both.enumerated() {
                    let operations = (0..<50).map {
                        #"{"op":"put","topic":"t\#(number)","key":"k\#($0)","session":"s"}"#
                    }
                    var batch = #"{"operations":["# + operations.joined(separator: ",") + "]}"
                    batch += String(repeating: " ", count: (4 << 20) - batch.utf8.count)
                    let answer = try await client.post("/v1/batch", batch)
                    #expect(answer.status == 200)
                    #expect(try answer.json["results"]?.array?.count == 50)

                    let list = path("t\(number)", "presences")
                    let packed = try await client.get(list, headers: ["Accept-Encoding": "gzip"])
                    #expect(packed.status == 200 && packed.header("Content-Encoding") == "gzip")
                    let tag = try #require(packed.header("ETag"))
                    let again = try await client.get(list, headers: ["Accept-Encoding": "gzip", "If-None-Match": tag])
                    #expect(again.status == 304, "\(tag)")
                }
            }
        }
    }

    @Test(arguments: Proxy.installed)
    func `a client that waits for 100 Continue gets it`(proxy: Proxy) async throws {
        try await withTwoNodes { nodes in
            try await RunningProxy.with(proxy, nodes: nodes) { running in
                // Over HTTP/1.1, where curl waits. nginx sends no 100 over HTTP/2, and clients do not need it there.
                let outcome = try await Command.run(
                    "curl",
                    [
                        "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "-H", "Expect: 100-continue",
                        "--expect100-timeout", "3600", "-d", "{}",
                        running.plain.baseURL + path("room", "presences", "alice", "s"),
                    ])
                #expect(outcome.output == "201", "\(outcome.errors)")
            }
        }
    }

    private func path(_ topic: String, _ rest: String...) -> String {
        (["/v1/topics", RollcallClient.encoded(topic)] + rest).joined(separator: "/")
    }
}

/// Lends two nodes on one Redis to `body`.
func withTwoNodes(
    _ environment: [String: String] = [:], _ body: ([RollcallProcess]) async throws -> Void
) async throws {
    let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix()].merging(environment) { _, given in given }
    try await withRollcall(redis: try await SharedRedis.url, environment: settings) { first in
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { second in
            try await body([first, second])
        }
    }
}
