// Rollcall · EndToEndTests

import LocalServices
import TestSupport
import Testing

/// On which of a connection's requests a stream may begin, and what becomes of connections that ask for nothing.
extension StreamTests {
    @Test(
        "A stream begins on whichever request of a connection asks for it",
        arguments: [
            ["/v1/topics"], ["/v1/topics", "/healthz"], ["/v1/events?topic="], ["/v1/topics/x/events?vew=keys"],
        ],
        [true, false])
    func laterRequest(_ before: [String], isPipelined: Bool) async throws {
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
            try await eventually("the end") {
                try await client.get("/metrics").text.contains("\nrollcall_streams_open 0\n")
            }
        }
    }

    @Test("A stream that began on a later request ends like any other when its node stops")
    func stopOfLaterRequest() async throws {
        try await withRollcall(
            redis: try await SharedRedis.url,
            environment: ["ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_DRAIN": "0"]
        ) { node in
            let raw = try await RawClient.connect(to: node.client.baseURL)
            try await raw.send(RawClient.get("/v1/topics") + RawClient.get(events("t")))
            try await eventually("the state") { try await raw.received.contains("event: presence_state") }
            #expect(await node.terminate() == .exited(0))
            #expect(try await raw.received.hasSuffix("\r\n0\r\n\r\n"))
            await raw.close()
        }
    }

    @Test("A node stops in order while clients connect, say nothing, and go")
    func connectionsAtTheStop() async throws {
        try await withRollcall(
            redis: try await SharedRedis.url, environment: ["ROLLCALL_REDIS_PREFIX": uniquePrefix()]
        ) { node in
            try await withThrowingTaskGroup { group in
                for number in 0..<4 {
                    group.addTask {
                        var silent: [RawClient] = []
                        while let client = try? await RawClient.connect(to: node.url) {
                            if number.isMultiple(of: 2) { await client.close() } else { silent.append(client) }
                        }
                        for client in silent { await client.close() }
                    }
                }
                try await eventually("some connections") { try await node.client.get("/healthz").status == 200 }
                #expect(await node.terminate() == .exited(0))
                try await group.waitForAll()
            }
        }
    }
}
