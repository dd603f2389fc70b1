// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// Whole nodes with a port for operators.
@Suite("The port for operators")
struct OperatorPortTests {
    /// Lends a node that needs credentials, and a client of its port for operators.
    private func withNode(
        _ more: [String: String] = [:],
        _ body: (_ node: RollcallProcess, _ operators: RollcallClient) async throws -> Void
    ) async throws {
        let port = try LocalSocket.freePort()
        let settings = [
            "ROLLCALL_TOKEN_SECRET": "a secret of these tests, longer than 32 bytes",
            "ROLLCALL_OPERATOR_PORT": "\(port)", "ROLLCALL_REDIS_PREFIX": uniquePrefix(),
        ]
        try await withRollcall(redis: try await SharedRedis.url, environment: settings.merging(more) { $1 }) { node in
            let operators = RollcallClient("http://127.0.0.1:\(port)")
            try await eventually("the port") { (try? await operators.get("/readyz").status) == 200 }
            #expect(node.log.contains("rollcall: operator port on \(operators.baseURL)"))
            try await body(node, operators)
        }
    }

    @Test func `metrics and checks need no credential there, and clients get neither at their port`() async throws {
        try await withNode { node, operators in
            let metrics = try await operators.get("/metrics")
            #expect(metrics.status == 200 && metrics.text.contains("rollcall_http_requests_total"))
            #expect(try await operators.get("/readyz").json["checks"]?.array?.isEmpty == false)
            #expect(try await operators.get("/healthz").status == 200)
            #expect(try await operators.get("/openapi.yaml").status == 200)
            for path in ["/v1/topics", "/v1/topics/lobby/events", "/"] {
                #expect(try await operators.get(path).status == 404, "\(path)")
            }
            let refused = try await node.client.get("/metrics")
            #expect(refused.status == 404 && refused.text.contains("/problems/unknown-route"))
            #expect(try await node.client.get("/readyz").json == ["status": "ready"])
        }
    }

    @Test func `an open node with such a port shows its checks and metrics there alone`() async throws {
        try await withNode(["ROLLCALL_TOKEN_SECRET": "", "ROLLCALL_OPEN": "true"]) { (node, operators) async throws in
            #expect(try await node.client.get("/metrics").status == 404)
            #expect(try await node.client.get("/readyz").json == ["status": "ready"])
            #expect(try await operators.get("/readyz").text.contains("the node is open: callers need no credential"))
        }
    }

    @Test func `a caller with the right operate gets the checks at the port of clients too`() async throws {
        let made = try await RollcallProcess.apiKey(["--rights", #"{"service":["operate"]}"#])
        try await withNode(["ROLLCALL_API_KEYS": "[\(made.entry)]"]) { (node, _) async throws in
            let headers = ["Authorization": "Bearer \(made.key)"]
            #expect(try await node.client.get("/readyz", headers: headers).json["checks"] != nil)
            #expect(try await node.client.get("/metrics", headers: headers).status == 404)
        }
    }

    @Test func `operators are served while clients use up the connections of a node`() async throws {
        try await withNode(["ROLLCALL_MAX_CONNECTIONS": "1"]) { node, operators in
            let client = try await RawClient.connect(to: node.url)
            try await eventually("a log line") { node.log.contains("http: node is full") }
            #expect(try await operators.metric("rollcall_accept_paused") == 1)
            #expect(try await operators.metric("rollcall_connections_open") == 1)
            await client.close()
        }
    }

    @Test func `the port for operators takes sixteen connections, and a further one gets health checks alone`()
        async throws
    {
        try await withNode { node, operators in
            // The client of the test keeps a connection open.
            let clients = try await RawClient.connect(15, to: operators.baseURL)
            try await eventually("a log line") { node.log.contains("http: node is full") }
            func answer(_ path: String, _ status: Int) async throws -> Bool {
                let client = try await RawClient.connect(to: operators.baseURL)
                try await client.send(RawClient.get(path))
                try await eventually("an answer") { try await client.received.hasPrefix("HTTP/1.1 ") }
                let isExpected = try await client.received.hasPrefix("HTTP/1.1 \(status) ")
                await client.close()
                return isExpected
            }
            #expect(try await answer("/healthz", 200))
            #expect(try await answer("/metrics", 503))
            #expect(try await operators.get("/metrics").status == 200)
            await clients[0].close()
            try await eventually("a regular place") { try await answer("/metrics", 200) }
            for client in clients.dropFirst() { await client.close() }
        }
    }

    @Test func `operators see that a node drains`() async throws {
        try await withNode(["ROLLCALL_TOKEN_SECRET": "", "ROLLCALL_OPEN": "true"]) { node, operators in
            var streams: [SSEClient] = []
            // An event loop ends one stream each 50 ms: some loop has 40 streams, and needs about two seconds.
            for _ in 0..<(40 * ProcessInfo.processInfo.activeProcessorCount) {
                let stream = try await node.client.events(RollcallClient.path(topic: "lobby", "events"))
                _ = try await stream.next("presence_state")
                streams.append(stream)
            }
            node.process.send(SIGTERM)
            try await eventually("the drain") {
                let ready = try await operators.get("/readyz")
                return ready.status == 503 && ready.text.contains("the node is stopping")
            }
            #expect(await node.process.waitUntilExit() == .exited(0))
            try await eventually("the end of all streams") { streams.allSatisfy { $0.end != nil } }
        }
    }

    @Test func `serve ends with the name of the setting if the port for operators is taken`() async throws {
        try await withNode { _, operators in
            let port = String(operators.baseURL.split(separator: ":").last ?? "")
            let outcome = try await RollcallProcess.run(
                ["serve", "--operator-port", port],
                environment: [
                    "ROLLCALL_REDIS_URL": try await SharedRedis.url, "ROLLCALL_REDIS_PREFIX": uniquePrefix(),
                ])
            #expect(outcome.code == 69, "\(outcome.errors)")
            #expect(outcome.errors.contains("port \(port) of 127.0.0.1 is taken; --operator-port or ROLLCALL_OPERATOR"))
        }
    }
}
