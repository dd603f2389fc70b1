// Rollcall · EndToEndTests

import TestSupport
import Testing

/// Many connections that abuse HTTP, one kind at a time, beside a client that a node must go on serving.
///
/// Each change must reach the client before the test gives up. The longest time is printed, and has no other limit.
@Suite("Abuse of connections")
struct RawAbuseTests {
    /// Bytes that a client sends, and how a node must answer them.
    struct Abuse: Sendable, CustomStringConvertible {
        let description: String
        let text: String
        /// The statuses that the one answer may have.
        let statuses: Set<String>
        /// Whether the answer is a stream, which the client closes; otherwise the node closes the connection.
        var isStream = false
        /// The MiB by which the memory of the node may grow.
        var growth = 30
    }

    private static let connections = 16
    private static let waves = 6
    /// Waves that come first, so that the memory that a node keeps for any number of them does not count.
    private static let firstWaves = 2

    private static let put = "PUT /v1/topics/abused/presences/a/s HTTP/1.1\r\nHost: localhost\r\n"
    private static let chunked = put + "Connection: close\r\nTransfer-Encoding: chunked\r\n"
    /// A request that no node may find in the body of another one.
    private static let hidden = "PUT /v1/topics/hidden/presences/a/s HTTP/1.1\r\nHost: localhost\r\n\r\n"
    private static let stream = "GET /v1/topics/abused/events HTTP/1.1\r\nHost: localhost\r\n"

    private static func filler(_ count: Int) -> String { String(repeating: "a", count: count) }

    private static let abuses: [Abuse] = [
        Abuse(
            description: "two lengths",
            text: put + "Content-Length: 2\r\nContent-Length: \(2 + hidden.utf8.count)\r\n\r\n{}" + hidden,
            statuses: ["400"]),
        Abuse(
            description: "a length and chunks",
            text: put + "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{}" + hidden,
            statuses: ["400"]),
        Abuse(
            description: "chunks of another coding",
            text: put + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden, statuses: ["400", "501"]),
        Abuse(
            description: "chunks named twice",
            text: put + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden,
            statuses: ["400", "501"]),
        Abuse(
            description: "a chunk beyond its size", text: chunked + "\r\n2\r\n{} \r\n0\r\n\r\n" + hidden,
            statuses: ["400"]),
        Abuse(
            description: "a chunk of a negative size", text: chunked + "\r\n-2\r\n{}\r\n0\r\n\r\n" + hidden,
            statuses: ["400"]),
        Abuse(
            description: "a chunk with a prefix of its size", text: chunked + "\r\n0x2\r\n{}\r\n0\r\n\r\n" + hidden,
            statuses: ["400"]),
        Abuse(
            description: "a chunk of a size above 64 bits", text: chunked + "\r\n10000000000000002\r\n{}" + hidden,
            statuses: ["400", "413"]),
        Abuse(
            description: "chunks without a carriage return", text: chunked + "\r\n2\n{}\n0\n\n" + hidden,
            statuses: ["400"]),
        Abuse(
            description: "a chunk with an extension of 1 MB",
            text: chunked + "\r\n2;\(filler(1_000_000))\r\n{}\r\n0\r\n\r\n",
            statuses: ["200", "201", "400", "413", "431"]),
        Abuse(
            description: "trailers of 1 MB",
            text: chunked + "\r\n2\r\n{}\r\n0\r\nName: \(filler(1_000_000))\r\n\r\n",
            statuses: ["200", "201", "400", "413", "431"]),
        Abuse(
            description: "chunks of one byte",
            text: chunked + "\r\n" + String(repeating: "1\r\n \r\n", count: 2_000) + "2\r\n{}\r\n0\r\n\r\n",
            statuses: ["200", "201"]),
        Abuse(
            description: "fields of 100,000 bytes",
            text: put + String(repeating: "Name: \(filler(990))\r\n", count: 100) + "\r\n", statuses: ["431"]),
        Abuse(
            description: "a target of 1 MB", text: "GET /\(filler(1_000_000)) HTTP/1.1\r\nHost: localhost\r\n\r\n",
            statuses: ["414"]),
        Abuse(description: "HTTP/2", text: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + filler(9), statuses: ["505"]),
        Abuse(
            description: "a stream with an offer of HTTP/2",
            text: stream + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
            statuses: ["200"], isStream: true),
        Abuse(
            description: "10,000 requests behind a stream",
            text: stream + "\r\n" + String(repeating: hidden, count: 10_000), statuses: ["200"], isStream: true),
        Abuse(
            description: "a batch of 4,000,000 open brackets",
            text: "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 4000000\r\n\r\n"
                + String(repeating: "[", count: 4_000_000),
            statuses: ["400", "422", "503"], growth: 64),
    ]

    @Test(.timeLimit(.minutes(10)), arguments: abuses)
    func `abuse gets one answer, ends no stream of others, and leaves no stream, file or memory behind`(
        abuse: Abuse
    ) async throws {
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix()]
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
            let events = try await node.client.events(RollcallClient.path(topic: "other", "events"))
            _ = try await events.next("presence_state")
            var slowest = Duration.zero
            for _ in 0..<Self.firstWaves { slowest = max(slowest, try await wave(abuse, at: node, beside: events)) }
            try await expectNothingLeft(of: node)
            let before = ProcessUse(of: node)
            for _ in 0..<Self.waves { slowest = max(slowest, try await wave(abuse, at: node, beside: events)) }
            try await expectNothingLeft(of: node, files: before.openFiles)
            let after = ProcessUse(of: node)
            print(
                "Abuse by \(abuse): \(Self.connections * Self.waves) connections, \(before.memory ?? 0) MiB before, "
                    + "\(after.memory ?? 0) MiB after, others waited \(slowest) at most")
            if let before = before.memory, let after = after.memory {
                #expect(after - before < abuse.growth, "\(before) MiB before, \(after) MiB after")
            }
            #expect(events.end == nil)
            let hidden = try await node.client.get(RollcallClient.path(topic: "hidden"))
            #expect(try hidden.json["presences"]?.int == 0, "a hidden request was carried out")
            await events.close()
        }
    }

    /// Abuses a node by some connections at once; returns the longest time until a change of another client arrived.
    private func wave(
        _ abuse: Abuse, at node: RollcallProcess, beside events: SSEClient
    ) async throws -> Duration {
        async let abused: Void = Self.expectAnswers(to: abuse, at: node.url)
        var slowest = Duration.zero
        for _ in 0..<10 {
            let start = ContinuousClock.now
            let path = RollcallClient.path(topic: "other", "presences", "ann", "s")
            let body = #"{"ttl":300,"meta":{"n":\#(UInt32.random(in: 0 ... .max))}}"#
            let answer = try await node.client.put(path, body)
            #expect((200...201).contains(answer.status), "\(answer.text)")
            _ = try await events.next("presence_diff")
            slowest = max(slowest, start.duration(to: .now))
        }
        try await abused
        return slowest
    }

    private static func expectAnswers(to abuse: Abuse, at url: String) async throws {
        try await withThrowingTaskGroup { group in
            for _ in 0..<connections { group.addTask { try await Self.expectAnswer(to: abuse, at: url) } }
            try await group.waitForAll()
        }
    }

    private static func expectAnswer(to abuse: Abuse, at url: String) async throws {
        let client = try await RawClient.connect(to: url)
        try await client.send(abuse.text)
        try await eventually("the answer to \(abuse)") {
            if abuse.isStream { return try await client.received.contains("event: presence_state") }
            return try await client.isEnded
        }
        let received = try await client.received
        let statuses = received.matches(of: #/HTTP/1\.1 (\d\d\d) /#).map { String($0.output.1) }
        #expect(statuses.count == 1 && abuse.statuses.isSuperset(of: statuses), "\(abuse): \(received.prefix(400))")
        await client.close()
    }

    /// Waits until the node has no stream but that of the other client, and as many files as before.
    private func expectNothingLeft(of node: RollcallProcess, files: Int? = nil) async throws {
        try await eventually("one stream") { try await node.client.metric("rollcall_streams_open") == 1 }
        try await eventually("no bytes held") { try await node.client.metric("rollcall_body_bytes") == 0 }
        try await ProcessUse.awaitFiles(files, of: node)
    }
}
