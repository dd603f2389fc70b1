// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

@testable import rollcall

/// The bytes and the time that connections can cost a node.
@Suite("The bounds of connections")
struct ConnectionBoundsTests {
    private static let shortTimes = [
        "ROLLCALL_IDLE_TIMEOUT": "5", "ROLLCALL_HEAD_TIMEOUT": "5", "ROLLCALL_BODY_TIMEOUT": "5",
        "ROLLCALL_STUCK_READER_AGE": "5",
    ]

    private func withNode(
        _ environment: [String: String] = [:], _ body: (RollcallProcess) async throws -> Void
    ) async throws {
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix()].merging(environment) { _, given in given }
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { try await body($0) }
    }

    private static func batch(_ length: Int) -> String {
        "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(length)\r\n\r\n"
    }

    /// Sends bytes, waits for the end of the connection, and returns what was received.
    private func ended(_ text: String, at node: RollcallProcess) async throws -> String {
        let client = try await RawClient.connect(to: node.url)
        if !text.isEmpty { try await client.send(text) }
        try await eventually("the end after \(text.prefix(200))", timeout: .seconds(20)) { try await client.isEnded }
        let received = try await client.received
        await client.close()
        return received
    }

    @Test func `a connection that is idle is closed, and one with an incomplete request gets 408`() async throws {
        let cases: [(String, String?)] = [
            ("", nil), (RawClient.get("/healthz"), nil), ("GET /healthz HTTP/1.1\r\nHo", "408"), ("G", "408"),
            (RawClient.get("/healthz") + "GET /he", "408"), (RawClient.get("/healthz") + "\r\n", nil),
            ("\r\nGET", "408"), ("\r\n", nil), (Self.batch(100), "408"), (Self.batch(100) + "{", "408"),
            ("POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "408"),
        ]
        try await withNode(Self.shortTimes) { node in
            try await withThrowingTaskGroup { group in
                for (text, status) in cases {
                    group.addTask {
                        let answer = try await ended(text, at: node)
                        let statuses = answer.split(separator: "HTTP/1.1 ").map { String($0.prefix(3)) }
                        #expect(statuses.filter { $0 != "200" } == (status.map { [$0] } ?? []), "\(text): \(answer)")
                        #expect(answer.contains("application/problem+json") == (status != nil), "\(text)")
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `event loops serve new connections after idle ones were closed`() async throws {
        try await withNode(Self.shortTimes) { node in
            // More than one for each event loop, of each kind.
            for text in ["", RawClient.get("/healthz"), "\r\n"] {
                try await withThrowingTaskGroup { group in
                    for _ in 0..<8 { group.addTask { _ = try await ended(text, at: node) } }
                    try await group.waitForAll()
                }
            }
            for _ in 0..<16 {
                let client = try await RawClient.connect(to: node.url)
                try await client.send(RawClient.get("/healthz"))
                try await eventually("an answer") { try await client.received.hasPrefix("HTTP/1.1 200") }
                await client.close()
            }
        }
    }

    @Test func `a head that arrives slowly must be complete within the head time-out`() async throws {
        try await withNode(Self.shortTimes) { node in
            let client = try await RawClient.connect(to: node.url)
            try await client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nName: ")
            let dripping = Task {
                while !Task.isCancelled {
                    try await client.send("a")
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            try await eventually("408") { try await client.received.hasPrefix("HTTP/1.1 408 ") }
            try await eventually("the end") { try await client.isEnded }
            dripping.cancel()
            await client.close()
        }
    }

    @Test func `a body that arrives slowly must be complete within the body time-out`() async throws {
        try await withNode(Self.shortTimes) { node in
            let client = try await RawClient.connect(to: node.url)
            try await client.send(Self.batch(1 << 20) + String(repeating: " ", count: 1 << 19))
            let dripping = Task {
                while !Task.isCancelled {
                    try await client.send(" ")
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            try await eventually("408") { try await client.received.hasPrefix("HTTP/1.1 408 ") }
            try await eventually("the end") { try await client.isEnded }
            dripping.cancel()
            await client.close()
            #expect(try await node.client.metric(#"rollcall_bodies_refused_total{reason="timeout"}"#) == 1)
            try await eventually("no bytes held") { try await node.client.metric("rollcall_body_bytes") == 0 }
        }
    }

    /// The decoder stops behind CONNECT, and behind the offer of another protocol.
    @Test(
        .enabled(if: ProcessUse.isMeasured, "the memory of a node is measured on Linux only"),
        arguments: [
            "CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n",
            RawClient.get("/healthz", with: ["Connection": "close"])
                + RawClient.get("/healthz", with: ["Connection": "upgrade", "Upgrade": "h2c"]),
        ])
    func `bytes behind the last request of a connection are not kept`(requests: String) async throws {
        try await withNode { node in
            let client = try await RawClient.connect(to: node.url)
            try await client.send(requests)
            try await eventually("an answer") { try await client.received.hasPrefix("HTTP/1.1 ") }
            let before = try #require(ProcessUse(of: node).memory)
            let bytes = String(repeating: "a", count: 1 << 20)
            for _ in 0..<64 { try await client.send(bytes) }
            let after = try #require(ProcessUse(of: node).memory)
            #expect(after - before < 32, "\(before) MiB before, \(after) MiB after")
            await client.close()
        }
    }

    @Test func `bodies beyond the budget get 503, and bodies that end make room again`() async throws {
        try await withNode(["ROLLCALL_BODY_BUDGET": "8388608"]) { node in
            let first = try await RawClient.connect(to: node.url)
            try await first.send(Self.batch(4_000_000) + "{")
            let held = "rollcall_body_bytes"
            try await eventually("the bytes of the first") { try await node.client.metric(held) == 4_000_000 }

            let second = try await ended(Self.batch(4_000_000), at: node)
            #expect(second.hasPrefix("HTTP/1.1 503 ") && second.contains("\r\nRetry-After: 1\r\n"))
            #expect(second.contains("application/problem+json"))
            // A body that no route reads needs no room.
            let unread = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n"
            #expect(try await ended(unread, at: node).hasPrefix("HTTP/1.1 200 "))
            // An eighth of the budget is for short bodies alone.
            let path = RollcallClient.path(topic: "t", "presences", "a", "s")
            #expect(try await node.client.put(path, "{}").status == 201)
            // A chunked body counts as it grows.
            let chunks = String(repeating: "20000\r\n\(String(repeating: " ", count: 0x20000))\r\n", count: 30)
            let head = "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            #expect(try await ended(head + chunks, at: node).hasPrefix("HTTP/1.1 503 "))

            await first.close()
            try await eventually("no bytes held") { try await node.client.metric(held) == 0 }
            let padded = #"{"operations":[]}"# + String(repeating: " ", count: 4_000_000)
            #expect(try await node.client.post("/v1/batch", padded).status == 200)
            #expect(try await node.client.metric(held) == 0)
            #expect(try await node.client.metric(#"rollcall_bodies_refused_total{reason="budget"}"#) == 2)
        }
    }

    @Test func `all connections of a node may hold a head of 80,000 bytes at once, and a longer one is refused`()
        async throws
    {
        let count = 40
        // One more connection asks for metrics.
        try await withNode(["ROLLCALL_MAX_CONNECTIONS": "\(count + 1)"]) { node in
            let clients = try await RawClient.connect(count, to: node.url)
            let head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nName: "
            for client in clients { try await client.send(head + String(repeating: "a", count: 80_000)) }
            try await eventually("all connections") {
                try await node.client.metric("rollcall_connections_open") == Double(count + 1)
            }
            for client in clients { try await client.send("\r\n\r\n") }
            for client in clients {
                try await eventually("an answer") { try await client.received.hasPrefix("HTTP/1.1 200 ") }
            }
            for client in clients { try await client.send(head + String(repeating: "a", count: 82_000)) }
            for client in clients {
                try await eventually("a refusal") { try await client.received.contains("HTTP/1.1 431 ") }
                await client.close()
            }
        }
    }

    @Test func `a response is sent while its client reads, and its connection closes if the client reads nothing`()
        async throws
    {
        try await withNode(Self.shortTimes.merging(["ROLLCALL_LOG_LEVEL": "debug"]) { $1 }) { node in
            // More bytes than the sockets of both sides buffer.
            let count = 150
            let requests = String(repeating: RawClient.get("/openapi.yaml"), count: count)
            let stuck = try await StalledReader.open(node.url + "/", sending: requests)
            let slow = try await StalledReader.open(node.url + "/", sending: requests)
            let reading = Task {
                while !Task.isCancelled {
                    try await slow.readSome()
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            try await eventually("the end of what is not read", timeout: .seconds(30)) {
                node.log.contains("http: response not read")
            }
            reading.cancel()
            await stuck.close()
            let text = try await slow.read { $0.split(separator: "HTTP/1.1 200 OK").count >= count }
            #expect(text.split(separator: "HTTP/1.1 200 OK").count == count)
            await slow.close()
        }
    }

    @Test func `a node that stops finishes a list that its client reads`() async throws {
        try await withNode { node in
            let meta = String(repeating: "x", count: 3900)
            for batch in 0..<4 {
                let operations = (0..<500).map {
                    #"{"op":"put","topic":"t","key":"\#(batch)-\#($0)","session":"s","ttl":300,"meta":{"x":"\#(meta)"}}"#
                }
                let body = #"{"operations":[\#(operations.joined(separator: ","))]}"#
                #expect(try await node.client.post("/v1/batch", body).status == 200)
            }
            let path = RollcallClient.path(topic: "t", "presences")
            let list = try await node.client.get(path).text
            // A node has ten seconds to stop.
            let reader = try await StalledReader.open(node.url + path, receiveBuffer: 1 << 16)
            try await eventually("the list in the queue") {
                try await node.client.metric("rollcall_stream_queue_bytes") ?? 0 > 0
            }
            node.process.send(SIGTERM)
            try await eventually("the end of accepting") {
                // An HTTP client would retry for as long as the node has to stop.
                guard let client = try? await RawClient.connect(to: node.url) else { return true }
                await client.close()
                return false
            }
            for _ in 0..<20 { try await reader.readSome() }
            let end = list.suffix(100)
            #expect(try await reader.read { $0.hasSuffix(end) }.utf8.count > list.utf8.count)
            await reader.close()
            #expect(await node.terminate() == .exited(0))
        }
    }

    @Test func `a node that is full answers health checks and refuses the rest, until a connection closes`()
        async throws
    {
        try await withNode(["ROLLCALL_MAX_CONNECTIONS": "3"]) { node in
            func expectHealth() async throws {
                for path in ["/healthz", "/readyz"] {
                    let probe = try await RawClient.connect(to: node.url)
                    try await probe.send(RawClient.get(path))
                    try await eventually("an answer") { try await probe.received.hasPrefix("HTTP/1.1 200 ") }
                    await probe.close()
                }
            }
            let clients = try await RawClient.connect(3, to: node.url)
            // An answered client has its place; two event loops may give places in another order than that of accepting.
            for client in clients {
                try await client.send(RawClient.get("/healthz"))
                try await eventually("an answer") { try await client.received.hasPrefix("HTTP/1.1 200 ") }
            }
            try await eventually("a log line") { node.log.contains("http: node is full") }
            try await expectHealth()
            let refused = try await ended(RawClient.get("/v1/topics"), at: node)
            #expect(refused.hasPrefix("HTTP/1.1 503 ") && refused.contains("/problems/node-full"), "\(refused)")
            #expect(refused.contains("\r\nRetry-After: 1\r\n"))
            #expect(try await ended(RawClient.get("/v1/topics/t/events"), at: node).isEmpty)
            // Clients that send nothing cannot keep probes out.
            let silent = try await RawClient.connect(40, to: node.url)
            try await expectHealth()
            for client in silent { await client.close() }
            for _ in 0..<5 {
                for client in clients {
                    let before = try await client.received.utf8.count
                    try await client.send(RawClient.get("/readyz"))
                    try await eventually("an answer") { try await client.received.utf8.count > before }
                }
            }
            await clients[0].close()
            try await eventually("a regular place") { try await node.client.get("/v1/topics").status == 200 }
            for client in clients { await client.close() }
            try await eventually("the connections' end") {
                try await (node.client.metric("rollcall_connections_open") ?? 9) <= 2
            }
            #expect(try await node.client.metric("rollcall_accept_paused") == 0)
        }
    }

    @Test func `a node with few open files waits at the limit without busy polling, and then serves on`() async throws {
        #if os(Linux)
            let prefix = uniquePrefix()
            let redis = try await SharedRedis.url
            let node = try await OwnedProcess.start(
                "/usr/bin/prlimit",
                arguments: ["--nofile=64:64", try RollcallProcess.executable, "serve"],
                environment: [
                    "ROLLCALL_OPEN": "true", "ROLLCALL_REDIS_URL": redis, "ROLLCALL_REDIS_PREFIX": prefix,
                    "ROLLCALL_PORT": "0",
                ])
            let url = try await node.ready(within: .seconds(30)) {
                let words = "rollcall: listening on "
                let line = node.log.completeLines.first { $0.contains(words) }
                return line.flatMap {
                    $0.firstRange(of: words).map { range in String(line?[range.upperBound...] ?? "") }
                }
            }
            let clients = try await RawClient.connect(90, to: url)
            try await eventually("a log line") { node.log.text.contains("http: node is full") }
            let before = try Self.processorTime(of: node.pid)
            try await Task.sleep(for: .seconds(2))
            #expect(try Self.processorTime(of: node.pid) - before < 100, "ticks of 10 ms in 2 s")
            for client in clients { await client.close() }
            #expect(try await RollcallClient(url).get("/healthz").status == 200)
            #expect(try await RollcallClient(url).get("/readyz").status == 200)
            await node.stop(grace: .seconds(10))
        #endif
    }

    /// User and system time, in ticks.
    private static func processorTime(of pid: Int32) throws -> Int {
        let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
        return try #require(Int(fields[11])) + #require(Int(fields[12]))
    }

    @Test(arguments: [(64, 2, 4, 26), (64, 2, 13, 35), (1024, 8, 4, 256), (1_000_000, 64, 13, 256), (20, 2, 4, 26)])
    func `clients get the open files that the node does not need`(limit: Int, loops: Int, services: Int, reserved: Int)
    {
        let share = OpenFiles.Share(limit: limit, eventLoops: loops, services: services)
        #expect(share.reserved == reserved && share.connections == max(1, limit - reserved))
        #expect(share.isScarce == (limit == 20 || services == 13 && limit == 64))
        #expect(share.isTooLow == (limit == 20))
        #expect(OpenFiles.Share(limit: nil, eventLoops: 2, services: 4).connections == 768)
    }
}
