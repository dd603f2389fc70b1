// Rollcall · EndToEndTests

import AccessSamples
import TestSupport
import Testing

/// What a node counts of sockets, and how often it encodes for them.
extension SocketTests {
    /// How often a node has encoded a diff.
    func encodedDiffs(_ node: RollcallProcess) async throws -> Int {
        Int(try await node.client.metric("rollcall_diffs_encoded_total") ?? 0)
    }

    @Test func `A diff is encoded once for each form, and sockets, long polls and streams have one roster`()
        async throws
    {
        try await withNode { node in
            var streams: [SSEClient] = []
            var sockets: [PhoenixClient] = []
            var polls: [LongPollClient] = []
            let forms: [(version: PhoenixClient.Version, options: String)] = [
                (.v1, ""), (.v2, ""), (.v2, "diffs=each"),
            ]
            for _ in 0..<30 {
                let stream = try await node.client.events(path("events"))
                _ = try await stream.next("presence_state")
                streams.append(stream)
                for form in forms {
                    let socket = try await PhoenixClient.connect(node.url, form.version, form.options)
                    try await socket.join(Self.topic)
                    _ = try await socket.next("presence_state", on: Self.topic)
                    sockets.append(socket)
                }
            }
            for _ in 0..<10 {
                let poll = try await LongPollClient.open(at: [node.client])
                poll.keepPolling()
                try await poll.send(("phx_join", "{}"), on: Self.topic)
                try await eventually("a state") { !poll.events(of: Self.topic).isEmpty }
                polls.append(poll)
            }
            #expect(try await encodedDiffs(node) == 0)

            for number in 0..<40 {
                let session = path("presences", "user\(number % 7)", "s\(number % 3)")
                if number % 5 == 4 {
                    _ = try await node.client.delete(session)
                } else {
                    _ = try await node.client.put(session, #"{"meta":{"n":\#(number)}}"#)
                }
            }
            let list = try await node.client.get(path("presences")).json
            let roster = try FoldedPresence(of: try #require(list["presences"])).roster
                .mapValues(RandomSequence.unlinked)
            try await eventually("one roster") {
                var rosters = try streams.map { try RandomSequence.fold($0.events) }
                rosters += try sockets.map { try $0.roster(of: Self.topic).roster }
                rosters += try polls.map { try $0.roster(of: Self.topic).roster }
                return rosters.allSatisfy { $0.mapValues(RandomSequence.unlinked) == roster }
            }
            let diffs = streams[0].events.count { $0.name == "presence_diff" }
            // The form of streams, and three of sockets; long polls have that of version 2.
            #expect(try await encodedDiffs(node) == 4 * diffs && diffs > 0)
            for poll in polls { await poll.close() }
            for socket in sockets { await socket.socket.drop() }
            for stream in streams { await stream.close() }
        }
    }

    @Test func `Sockets, channels, joins and closes are counted`() async throws {
        let settings = ["ROLLCALL_TOKEN_SECRET": SampleToken.secret, "ROLLCALL_OPEN": "true"]
        try await withNode(settings) { node in
            func expectMetric(_ series: String, _ value: Double) async throws {
                try await eventually("\(series) \(value)") {
                    let found = try await node.client.metric("rollcall_" + series)
                    return (found ?? 0) == value
                }
            }
            let rights = #"{"topic_prefixes":{"room:":["track","see"]}}"#
            let token = SampleToken.hs256(SampleToken.payload("alice", rights: rights, lifetime: 600))
            let user = try await PhoenixClient.connect(node.url, authToken: token)
            let full = try await PhoenixClient.connect(node.url, .v1)
            let flood = try await PhoenixClient.connect(node.url)
            let poll = try await LongPollClient.open(at: [node.client])
            poll.keepPolling()
            try await expectMetric("sockets_open", 4)

            #expect(try await user.join(Self.topic).status == "ok")
            #expect(try await user.join("other").reason == "unauthorized")
            #expect(try await user.join("room:2", #"{"session":7}"#).status == "error")
            for number in 0..<100 { try await full.send("phx_join", on: "t\(number)") }
            #expect(try await full.join("t100").reason == "too many channels joined")
            let joins: [(outcome: String, count: Double)] = [
                ("ok", 101), ("refused", 1), ("invalid", 1), ("too_many", 1),
            ]
            for (outcome, count) in joins {
                try await expectMetric(#"joins_total{outcome="\#(outcome)"}"#, count)
            }
            try await expectMetric("channels_open", 101)
            try await full.push("phx_leave", on: "t0")
            try await expectMetric("channels_open", 100)

            try await user.socket.send("no message")
            try await expectMetric(#"sockets_closed_total{code="1007"}"#, 1)
            let heartbeat = WebSocketBytes.masked(#"[null,"1","phoenix","heartbeat",{}]"#)
            try await flood.socket.send(bytes: (0..<600).flatMap { _ in heartbeat })
            try await expectMetric(#"sockets_closed_total{code="1008"}"#, 1)
            try await full.socket.close()
            try await expectMetric(#"sockets_closed_total{code="none"}"#, 1)
            try await expectMetric("channels_open", 0)
            try await expectMetric("sockets_open", 1)
            await poll.close()
        }
    }
}
