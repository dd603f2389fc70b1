// Rollcall · EndToEndTests

import Foundation
import TestSupport
import Testing

/// Streams with slow or stuck clients, and too many streams.
extension StreamTests {
    @Test func `A slow reader loses its queue, and gets a fresh state when it reads on`()
        async throws
    {
        try await withNode(["ROLLCALL_SLOW_READER_BYTES": "16384"]) { client in
            let reader = try await StalledReader.open(client.baseURL + events("t"))
            try await eventually("the stream") {
                try await client.get("/metrics").text.contains("\nrollcall_streams_open 1\n")
            }
            try await fill("t", client)
            _ = try await client.post(RollcallClient.path(topic: "t", "presences"), #"{"key":"last"}"#)
            let text = try await reader.read { text in
                guard let state = text.range(of: "event: presence_state", options: .backwards) else { return false }
                return text[state.upperBound...].contains(#""last":{"#) && text.hasSuffix("}}\n\n\r\n")
            }
            let states = text.components(separatedBy: "event: presence_state\ndata: ")
            // A late diff may find the queue full of the state.
            #expect((3...4).contains(states.count), "the first one, and the one after the queue was lost")
            let data = try #require(states.last?.split(separator: "\n").first)
            #expect(try JSONValue(parsing: String(data)).object?.count == 3001)
            await reader.close()
        }
    }

    /// Tracks 3,000 presences, 12 MB: more than the kernel's buffers take, and then more than the queue.
    func fill(_ topic: String, _ client: RollcallClient) async throws {
        let meta = String(repeating: "x", count: 3900)
        for batch in 0..<6 {
            let operations = (0..<500).map {
                #"{"op":"put","topic":"\#(topic)","key":"\#(batch)-\#($0)","session":"s","ttl":300,"#
                    + #""meta":{"x":"\#(meta)"}}"#
            }
            let body = #"{"operations":[\#(operations.joined(separator: ","))]}"#
            #expect(try await client.post("/v1/batch", body).status == 200)
        }
    }

    @Test func `Streams count as connections: at the bound a stream gets no answer, and later one begins`()
        async throws
    {
        // Two streams, and the connection that asks for metrics.
        try await withNode(["ROLLCALL_MAX_CONNECTIONS": "3"]) { client in
            func open(_ count: Int) async throws -> Bool {
                try await client.get("/metrics").text.contains("\nrollcall_streams_open \(count)\n")
            }
            let first = try await StalledReader.open(client.baseURL + events("t"))
            let second = try await StalledReader.open(client.baseURL + events("t"))
            try await eventually("two streams") { try await open(2) }
            // The text that a further client gets; an EventSource would connect again after an end without an answer.
            func third() async throws -> String {
                let raw = try await RawClient.connect(to: client.baseURL)
                try await raw.send(RawClient.get(events("t")))
                let text: String = try await eventually("a state or the end") {
                    let (isEnded, received) = (try await raw.isEnded, try await raw.received)
                    return isEnded || received.contains("event: presence_state") ? received : nil
                }
                await raw.close()
                return text
            }
            #expect(try await third().isEmpty)
            #expect(try await open(2))
            await first.close()
            try await eventually("a stream in its place") { try await !third().isEmpty }
            await second.close()
            try await eventually("no stream") { try await open(0) }
        }
    }

    @Test func `The stream of a reader that takes no bytes ends, and its presence leaves`() async throws {
        try await withNode(["ROLLCALL_STUCK_READER_AGE": "1", "ROLLCALL_SLOW_READER_BYTES": "16384"]) { client in
            let reader = try await StalledReader.open(client.baseURL + events("t", "key=alice&session=s&grace=0"))
            let alice = RollcallClient.path(topic: "t", "presences", "alice")
            try await eventually("alice") { try await client.get(alice).status == 200 }
            let meta = String(repeating: "x", count: 3900)
            for batch in 0..<6 {
                let operations = (0..<500).map {
                    #"{"op":"put","topic":"t","key":"\#(batch)-\#($0)","session":"s","meta":{"x":"\#(meta)"}}"#
                }
                _ = try await client.post("/v1/batch", #"{"operations":[\#(operations.joined(separator: ","))]}"#)
            }
            try await eventually("alice's leave") { try await client.get(alice).status == 404 }
            try await eventually("its reason") {
                try await client.get("/metrics").text.contains(#"streams_ended_total{reason="unread"} 1"#)
            }
            await reader.close()
        }
    }
}
