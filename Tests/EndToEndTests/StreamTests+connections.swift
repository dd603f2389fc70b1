// Rollcall · EndToEndTests

import AccessSamples
import LocalServices
import Synchronization
import TestSupport
import Testing

/// Streams on later requests of a connection, and connections without a request.
extension StreamTests {
    @Test(
        arguments: [
            ["/v1/topics"], ["/v1/topics", "/healthz"], ["/v1/events?topic="], ["/v1/topics/x/events?vew=keys"],
        ],
        [true, false])
    func `A stream begins on a later request of a connection, pipelined or not`(_ before: [String], isPipelined: Bool)
        async throws
    {
        try await withNode { client in
            let raw = try await RawClient.connect(to: client.baseURL)
            let requests = (before + [events("t", "key=alice")]).map(RawClient.get)
            func answers() async throws -> [Substring] { try await raw.received.split(separator: "HTTP/1.1 ") }
            if isPipelined {
                try await raw.send(requests.joined())
            } else {
                for (number, request) in requests.enumerated() {
                    try await raw.send(request)
                    try await eventually("answer \(number)") { try await answers().count > number }
                }
            }
            try await eventually("the state") { try await raw.received.contains("event: presence_state") }
            #expect(
                try await client.post(RollcallClient.path(topic: "t", "presences"), #"{"key":"bob"}"#).status == 201)
            try await eventually("bob") { try await raw.received.contains(#""joins":{"bob""#) }
            let texts = try await answers()
            #expect(texts.count == requests.count, "\(texts)")
            for (text, path) in zip(texts, before) { #expect(text.hasPrefix(path.contains("events") ? "400" : "200")) }
            let stream = try #require(texts.last)
            #expect(stream.hasPrefix("200 OK\r\n") && stream.contains("\r\nDate: "))
            #expect(stream.contains("Content-Type: text/event-stream\r\n"))
            #expect(try await !raw.isEnded)
            await raw.close()
            try await eventually("the end") { try await client.metric("rollcall_streams_open") == 0 }
        }
    }

    @Test func `A stream that began on a later request ends like any other when its node stops`() async throws {
        try await withRollcall(
            redis: try await SharedRedis.url,
            environment: ["ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_DRAIN": "0"]
        ) { node in
            let raw = try await RawClient.connect(to: node.client.baseURL)
            try await raw.send(RawClient.get("/v1/topics") + RawClient.get(events("t")))
            try await eventually("the state") { try await raw.received.contains("event: presence_state") }
            #expect(await node.terminate() == .exited(0))
            let end = "event: end\ndata: {\"reason\":\"draining\",\"reconnect\":true}\n\n\r\n0\r\n\r\n"
            #expect(try await raw.received.hasSuffix(end))
            await raw.close()
        }
    }

    @Test
    func `A client that asks for a stream behind a list and closes its direction gets both, and its stream ends`()
        async throws
    {
        try await withNode { client in
            let raw = try await RawClient.connect(to: client.baseURL)
            try await raw.send(RawClient.get("/v1/topics") + RawClient.get(events("t", "key=alice&grace=0")))
            try await raw.halfClose()
            try await eventually("the end") { try await raw.isEnded }
            let answers = try await raw.received.split(separator: "HTTP/1.1 ")
            #expect(answers.count == 2 && answers.allSatisfy { $0.hasPrefix("200 OK\r\n") }, "\(answers)")
            #expect(answers.last?.contains("retry: ") == true && answers.last?.hasSuffix("\r\n0\r\n\r\n") == true)
            let gone = #"rollcall_streams_ended_total{reason="client_gone"}"#
            try await eventually("one stream that has ended") { try await client.metric(gone) == 1 }
            await raw.close()
        }
    }

    @Test
    func `A stream behind a list begins when the list is read, and a client that does not read it is disconnected`()
        async throws
    {
        try await withNode(["ROLLCALL_STUCK_READER_AGE": "6"]) { client in
            try await fill("t", client)
            let requests =
                RawClient.get(RollcallClient.path(topic: "t", "presences")) + RawClient.get(events("t", "view=count"))
            let reading = try await RawClient.connect(to: client.baseURL)
            try await reading.send(requests)
            try await eventually("the state") { try await reading.received.contains("event: presence_count") }
            let answers = try await reading.received.split(separator: "HTTP/1.1 ")
            #expect(answers.count == 2 && (answers.first?.utf8.count ?? 0) > 11_000_000)

            #if os(Linux)
                let stuck = try await StalledReader.open(client.baseURL + "/healthz", sending: requests)
                try await eventually("the end of one that is not read") { try !stuck.isOpenAtServer() }
                await stuck.close()
            #endif
            #expect(try await !reading.isEnded)
            await reading.close()
        }
    }

    @Test func `a stream that waits behind a list until its token has ended sends no state, and tracks nothing`()
        async throws
    {
        try await withNode(["ROLLCALL_TOKEN_SECRET": SampleToken.secret, "ROLLCALL_OPEN": "true"]) { client in
            try await fill("t", client)
            // It ended 25 s ago, and clocks may differ by 30 s.
            let rights = #"{"topics":{"t":["track","see"]}}"#
            let token = SampleToken.hs256(SampleToken.payload(rights: rights, lifetime: -25))
            let list = RawClient.get(RollcallClient.path(topic: "t", "presences"))
            let stream =
                "GET \(events("t", "key=alice&session=s&grace=60")) HTTP/1.1\r\nHost: localhost\r\n"
                + "Authorization: Bearer \(token)\r\n\r\n"
            let reader = try await StalledReader.open(client.baseURL + "/healthz", sending: list + stream)
            try await eventually("the list in the queue") {
                try await client.metric("rollcall_stream_queue_bytes") ?? 0 > 0
            }
            let count = RollcallClient.path(topic: "t")
            try await eventually("the end of the token") {
                try await client.get(count, headers: ["Authorization": "Bearer \(token)"]).status == 401
            }
            // A slow machine may have read the request late, and then refuses it.
            let text = try await reader.read { text in
                text.hasSuffix("\r\n0\r\n\r\n") || text.hasSuffix("}\n") && text.contains("HTTP/1.1 401 ")
            }
            #expect(text.contains("/problems/token-expired") || text.contains("HTTP/1.1 401 "))
            #expect(!text.contains("event: presence_state") && !text.contains("event: tracked"))
            #expect(try await client.get(RollcallClient.path(topic: "t", "presences", "alice")).status == 404)
            await reader.close()
        }
    }

    @Test func `HEAD of a stream has the fields of GET, ends at once, and tracks nothing`() async throws {
        try await withNode { client in
            let moving: Set<String> = ["date", "x-request-id", "transfer-encoding"]
            func stable(_ headers: [(name: String, value: String)]) -> [String] {
                headers.filter { !moving.contains($0.name.lowercased()) }.map { "\($0.name): \($0.value)" }.sorted()
            }
            for path in [events("t"), events("t", "key=alice&grace=0"), "/v1/events?topic=t&topic=other"] {
                let head = try await client.send("HEAD", path)
                #expect(head.status == 200 && head.body.isEmpty)
                #expect(try await client.get("/v1/topics").json["topics"]?.array?.isEmpty == true)
                let stream = try await client.events(path)
                _ = try await stream.next("presence_state")
                #expect(stable(head.headers) == stable(stream.headers), "\(path)")
                await stream.close()
                try await eventually("no topics") {
                    try await client.get("/v1/topics").json["topics"]?.array?.isEmpty == true
                }
            }
        }
    }

    @Test func `A node stops in order while clients connect, send nothing, and close`() async throws {
        try await withRollcall(
            redis: try await SharedRedis.url, environment: ["ROLLCALL_REDIS_PREFIX": uniquePrefix()]
        ) { node in
            try await withThrowingTaskGroup { group in
                let connections = Count()
                for number in 0..<4 {
                    group.addTask {
                        var silent: [RawClient] = []
                        while let client = try? await RawClient.connect(to: node.url) {
                            connections.value.add(1, ordering: .relaxed)
                            if number.isMultiple(of: 2) || silent.count == 50 {
                                await client.close()
                            } else {
                                silent.append(client)
                            }
                        }
                        for client in silent { await client.close() }
                    }
                }
                try await eventually("some connections") { connections.value.load(ordering: .relaxed) > 200 }
                #expect(await node.terminate() == .exited(0))
                try await group.waitForAll()
            }
        }
    }
}

private final class Count: Sendable {
    let value = Atomic(0)
}
