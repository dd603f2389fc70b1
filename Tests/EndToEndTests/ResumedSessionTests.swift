// Rollcall · EndToEndTests

import Foundation
import TestSupport
import Testing

@Suite("A stream that resumes with its last id and without a session")
struct ResumedSessionTests {
    private func events(_ query: String) -> String { RollcallClient.path(topic: "t", "events") + "?" + query }

    private func withNodes(_ body: (RollcallClient, RollcallClient) async throws -> Void) async throws {
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix()]
        let url = try await SharedRedis.url
        try await withRollcall(redis: url, environment: settings) { one in
            try await withRollcall(redis: url, environment: settings) { two in try await body(one.client, two.client) }
        }
    }

    @Test(arguments: [true, false])
    func `a stream that resumes keeps its session, on the same node or another, and other streams get no change`(
        onSameNode: Bool
    ) async throws {
        try await withNodes { one, two in
            let observer = try await two.events(events(""))
            _ = try await observer.next("presence_state")
            var stream = try await one.events(events("key=alice&grace=60"))
            let first = try await stream.next("tracked").json
            _ = try await stream.next("presence_state")
            let id = stream.lastEventID
            for round in 0..<5 {
                await stream.close()
                try await expectGrace(of: first, at: two)
                stream = try await (onSameNode || round % 2 == 1 ? one : two).events(
                    events("key=alice&grace=60"), lastEventID: id)
                let again = try await stream.next("tracked").json
                #expect(again["session"] == first["session"] && again["phx_ref"] == first["phx_ref"])
                try await eventually("the resumption") { stream.comments.contains("t, resumed") }
            }
            _ = try await one.post(RollcallClient.path(topic: "t", "presences"), #"{"key":"marker"}"#)
            try await eventually("the marker") {
                try observer.events.contains { try $0.name == "presence_diff" && $0.json["joins"]?["marker"] != nil }
            }
            let diffs = try observer.events.filter { $0.name == "presence_diff" }.map { try $0.json }
            let joins = diffs.compactMap { $0["joins"]?["alice"] }
            #expect(joins.count == 1 && diffs.allSatisfy { $0["leaves"]?["alice"] == nil })
        }
    }

    @Test func `a stream gets a new session if the earlier stream is open, or if it has no last id`()
        async throws
    {
        try await withNodes { one, two in
            let open = try await one.events(events("key=alice"))
            let first = try await open.next("tracked").json["session"]
            _ = try await open.next("presence_state")
            let beside = try await two.events(events("key=alice&grace=60"), lastEventID: open.lastEventID)
            let second = try await beside.next("tracked").json
            #expect(second["session"] != first)
            await beside.close()
            try await expectGrace(of: second, at: two)
            let fresh = try await two.events(events("key=alice"))
            let third = try await fresh.next("tracked").json["session"]
            #expect(third != first && third != second["session"])
        }
    }

    /// Waits until Redis has the grace of the session, which is longer than the ttl of 30 s.
    private func expectGrace(of tracked: JSONValue, at client: RollcallClient) async throws {
        let session = try #require(tracked["session"]?.string)
        let path = RollcallClient.path(topic: "t", "presences", "alice", session)
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        try await eventually("the release") {
            let text = try await client.get(path).json["expires_at"]?.string
            guard let text, let end = try? style.parse(text) else { return false }
            return end.timeIntervalSinceNow > 35
        }
    }
}
