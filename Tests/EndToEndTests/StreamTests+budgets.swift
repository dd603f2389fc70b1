// Rollcall · EndToEndTests

import Foundation
import TestSupport
import Testing

/// The budgets that all streams of a node share.
extension StreamTests {
    private static let queued = "rollcall_stream_queue_bytes"
    private static let ended = #"rollcall_streams_ended_total{reason="slow"}"#
    /// The bytes of a state of `fill`: 12 MB in a buffer of a power of two.
    private static let stateBytes = 16.0 * 1_048_576

    @Test func `slow readers of a large topic stay below twice the budget of the node, and the slowest end`()
        async throws
    {
        let budget = 20 << 20
        let settings = ["ROLLCALL_MAX_STREAM_QUEUE_BYTES": "\(budget)", "ROLLCALL_SLOW_READER_AGE": "1"]
        try await withNode(settings) { client in
            try await fill("t", client)
            var readers: [StalledReader] = []
            var most = 0.0
            for number in 0..<6 {
                // Another version of the state waits for each reader.
                let change = RollcallClient.path(topic: "t", "presences", "change", "s")
                #expect(try await client.put(change, #"{"meta":{"n":\#(number)}}"#).status < 300)
                readers.append(try await StalledReader.open(client.baseURL + events("t")))
                guard number < 2 else { continue }
                try await eventually("reader \(number) in the queue") {
                    most = max(most, try await client.metric(Self.queued) ?? 0)
                    // On a slow machine the first has ended before the second waits.
                    if most > Double(number + 1) * Self.stateBytes { return true }
                    return try await client.metric(Self.ended) ?? 0 >= 1
                }
            }
            try await eventually("the end of the slowest") {
                most = max(most, try await client.metric(Self.queued) ?? 0)
                return try await client.metric(Self.ended) ?? 0 >= 1
            }
            #expect(most > Self.stateBytes && most < 2 * Double(budget))
            // A reader that keeps up gets its state, also beside slow ones.
            let reader = try await client.events(events("t"))
            #expect(try await reader.next("presence_state").name == "presence_state")
            for reader in readers { await reader.close() }
            try await eventually("an empty queue") { try await client.metric(Self.queued) == 0 }
        }
    }

    @Test(arguments: ["/v1/topics/t/events", "/v1/events?topic=t&topic=other"])
    func `a large state that many readers wait for counts once, and none of them ends`(path: String) async throws {
        // The readers read one after another.
        let settings = [
            "ROLLCALL_MAX_STREAM_QUEUE_BYTES": "\(40 << 20)", "ROLLCALL_SLOW_READER_AGE": "1",
            "ROLLCALL_STUCK_READER_AGE": "300",
        ]
        try await withNode(settings) { client in
            try await fill("t", client)
            var readers: [StalledReader] = []
            for _ in 0..<5 { readers.append(try await StalledReader.open(client.baseURL + path)) }
            try await eventually("five streams") { try await client.metric("rollcall_streams_open") == 5 }
            try await eventually("a queue") { try await client.metric(Self.queued) ?? 0 > 0 }
            var most = 0.0
            for reader in readers {
                most = max(most, try await client.metric(Self.queued) ?? 0)
                let text = try await reader.read {
                    $0.contains("presence_state") && $0.utf8.count > 11_800_000 && $0.hasSuffix("}\n\n\r\n")
                }
                #expect(text.contains("HTTP/1.1 200"))
            }
            #expect(most >= Self.stateBytes && most < 1.5 * Self.stateBytes, "\(most) bytes")
            #expect(try await client.metric(Self.ended) == 0)
            for reader in readers { await reader.close() }
        }
    }

    @Test func `changes that wait for readers are dropped when the budget is full, and a fresh state follows`()
        async throws
    {
        let settings = [
            "ROLLCALL_MAX_STREAM_QUEUE_BYTES": "\(1 << 20)", "ROLLCALL_SLOW_READER_BYTES": "\(100 << 20)",
            "ROLLCALL_SLOW_READER_AGE": "300",
        ]
        try await withNode(settings) { client in
            let reader = try await StalledReader.open(client.baseURL + events("t"))
            try await eventually("the stream") { try await client.metric("rollcall_streams_open") == 1 }
            try await fill("t", client)
            #expect(try await client.metric(Self.queued) ?? 0 < 8 * 1_048_576, "12 MB were sent")
            let text = try await reader.read { text in
                guard let state = text.range(of: "event: presence_state", options: .backwards) else { return false }
                return text[state.upperBound...].contains("5-499") && text.hasSuffix("}}\n\n\r\n")
            }
            #expect(text.components(separatedBy: "event: presence_state\n").count >= 3)
            await reader.close()
        }
    }

    @Test func `a node at its bound on topics answers 503, and its open streams go on`() async throws {
        try await withNode(["ROLLCALL_MAX_TOPICS": "50"]) { client in
            let stream = try await client.events(events("mine"))
            _ = try await stream.next("presence_state")
            let others = "/v1/events?" + (0..<50).map { "topic=other\($0)" }.joined(separator: "&")
            let refused = try await client.get(others)
            #expect(refused.status == 503 && refused.header("Retry-After") == "1")
            #expect(try refused.json["type"]?.string == "/problems/node-full")
            #expect(try await client.metric("rollcall_topics_followed") == 1)
            // Another stream of a topic that is followed needs no room.
            let second = try await client.events(events("mine"))
            _ = try await second.next("presence_state")
            _ = try await client.put(RollcallClient.path(topic: "mine", "presences", "alice", "s"), "{}")
            #expect(try await stream.next("presence_diff").json["joins"]?["alice"] != nil)
        }
    }

    @Test func `a stream of more than fifty topics is refused`() async throws {
        try await withNode { client in
            let topics = (0..<51).map { "topic=t\($0)" }
            #expect(try await client.get("/v1/events?" + topics.joined(separator: "&")).status == 400)
            let stream = try await client.events("/v1/events?" + topics.dropLast().joined(separator: "&"))
            _ = try await stream.next("presence_state")
        }
    }

    @Test func `topics that were always empty are followed for a second after their last stream`() async throws {
        let followed = "rollcall_topics_followed"
        try await withNode { client in
            for round in 0..<5 {
                let topics = (0..<50).map { "topic=t\(round)-\($0)" }.joined(separator: "&")
                let stream = try await client.events("/v1/events?\(topics)")
                _ = try await stream.next("presence_state")
                let closing = ContinuousClock.now
                await stream.close()
                let count = try await client.metric(followed) ?? 0
                if ContinuousClock.now - closing < .milliseconds(900) { #expect(count >= 50) }
            }
            // Other topics are followed for a minute.
            try await eventually("no topics", timeout: .seconds(20)) { try await client.metric(followed) == 0 }
        }
    }

    @Test func `a large answer about one key counts until its client has taken it`() async throws {
        try await withNode { client in
            let meta = String(repeating: "x", count: 3900)
            for batch in 0..<6 {
                let operations = (0..<500).map {
                    #"{"op":"put","topic":"t","key":"tabs","session":"\#(batch)-\#($0)","ttl":300,"#
                        + #""meta":{"x":"\#(meta)"}}"#
                }
                let body = #"{"operations":[\#(operations.joined(separator: ","))]}"#
                #expect(try await client.post("/v1/batch", body).status == 200)
            }
            let path = RollcallClient.path(topic: "t", "presences", "tabs")
            let reader = try await StalledReader.open(client.baseURL + path)
            try await eventually("a queue") { try await client.metric(Self.queued) ?? 0 >= 11_000_000 }
            #expect(try await client.get(path).body.count > 11_000_000)
            await reader.close()
            try await eventually("an empty queue") { try await client.metric(Self.queued) == 0 }
        }
    }

    @Test func `behind a list that is not read, a connection takes at most 256 KiB of requests`() async throws {
        try await withNode { client in
            try await fill("t", client)
            let reader = try await StalledReader.open(client.baseURL + RollcallClient.path(topic: "t", "presences"))
            try await eventually("the list in the queue") { try await client.metric(Self.queued) ?? 0 > 0 }
            // Each request that the node has read holds the two bytes of its body.
            let request = "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
            let held = "rollcall_body_bytes"
            let sending = Task { try await reader.send(String(repeating: request, count: 40_000)) }
            try await eventually("requests that wait") { try await client.metric(held) ?? 0 > 0 }
            var most = 0.0
            for _ in 0..<100 { most = max(most, try await client.metric(held) ?? 0) }
            #expect(most <= 2 * Double((256 << 10) / request.utf8.count + 10), "of 80,000")
            await reader.close()
            _ = await sending.result
            try await eventually("no bytes held") { try await client.metric(held) == 0 }
        }
    }

    @Test func `slow readers of large lists share the budget of the node, and the slowest are closed`() async throws {
        let budget = 40 << 20
        let settings = ["ROLLCALL_MAX_STREAM_QUEUE_BYTES": "\(budget)", "ROLLCALL_SLOW_READER_AGE": "1"]
        try await withNode(settings) { client in
            try await fill("t", client)
            let list = RollcallClient.path(topic: "t", "presences")
            var readers: [StalledReader] = []
            for _ in 0..<8 { readers.append(try await StalledReader.open(client.baseURL + list)) }
            try await eventually("a queue") { try await client.metric(Self.queued) ?? 0 > 2 * Self.stateBytes }
            #expect(try await client.metric(Self.queued) ?? 0 < 2 * Double(budget) + 2 * Self.stateBytes)
            // Small answers need no room, and a large one waits until there is some.
            #expect(try await client.get(list + "?limit=10").status == 200)
            try await eventually("a whole list", timeout: .seconds(30)) {
                let answer = try await client.get(list)
                if answer.status == 503 {
                    #expect(try answer.json["type"]?.string == "/problems/node-full")
                    #expect(answer.header("Retry-After") == "1")
                }
                return answer.status == 200 && answer.body.count > 11_000_000
            }
            for reader in readers { await reader.close() }
            try await eventually("an empty queue") { try await client.metric(Self.queued) == 0 }
        }
    }
}
