// Rollcall · EndToEndTests

import LocalServices
import TestSupport
import Testing

/// Two nodes on one Redis are one service.
@Suite("Two nodes on one Redis")
struct TwoNodesTests {
    private static func settings(_ more: [String: String] = [:]) -> [String: String] {
        ["ROLLCALL_REDIS_PREFIX": uniquePrefix()].merging(more) { _, given in given }
    }

    private func events(_ topic: String, _ query: String = "") -> String {
        RollcallClient.path(topic: topic, "events") + (query.isEmpty ? "" : "?" + query)
    }

    /// Random sequences over both nodes; streams are cut at random and resume with their last cursor.
    ///
    /// At the end every folded stream equals the lists of both nodes. In streams that were never cut every presence
    /// joins once and leaves once. `ROLLCALL_TEST_SEED` is the first seed.
    @Test func `200 random sequences over both nodes leave every stream, both lists and Redis with the same roster`()
        async throws
    {
        let settings = Self.settings()
        let url = try await SharedRedis.url
        try await withRollcall(redis: url, environment: settings) { one in
            try await withRollcall(redis: url, environment: settings) { two in
                let clients = [one.client, two.client]
                let first = Environment.seed ?? UInt64.random(in: 0...1_000_000)
                print("random sequences from seed \(first)")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<200 {
                        if index >= 8 { try await group.next() }
                        group.addTask { try await RandomSequence(seed: first + UInt64(index), clients: clients).run() }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test
    func `The presences of a killed node leave in one diff on the other node, expired, within ttl + 2 s`()
        async throws
    {
        let settings = Self.settings(["ROLLCALL_DEFAULT_TTL": "5"])
        let url = try await SharedRedis.url
        let victim = try await RollcallProcess.serve(redis: url, environment: settings)
        try await withRollcall(redis: url, environment: settings) { survivor in
            let observer = try await survivor.client.events(events("room"))
            _ = try await observer.next("presence_state")
            var streams: [SSEClient] = []
            for index in 0..<20 {
                let stream = try await victim.client.events(events("room", "key=user\(index)&session=s&grace=60"))
                _ = try await stream.next("tracked")
                streams.append(stream)
            }
            // Leases of one topic end together once they were renewed together.
            try await eventually("a renewal of all") {
                let expiries = try await survivor.client.get(
                    RollcallClient.path(topic: "room", "presences", "user0", "s")
                )
                .json["expires_at"]
                let last = try await survivor.client.get(RollcallClient.path(topic: "room", "presences", "user19", "s"))
                    .json["expires_at"]
                return expiries != nil && expiries == last
            }
            let start = ContinuousClock.now
            await victim.kill()
            var refs: [String] = []
            var diffs = 0
            while refs.count < 20 {
                let leave = try await observer.next("presence_diff").json
                guard let reasons = leave["reasons"]?.object, !reasons.isEmpty else { continue }
                #expect(reasons.values.allSatisfy { $0.string == "expired" })
                refs += reasons.keys.map(\.text)
                diffs += 1
            }
            #expect(diffs == 1 && refs.count == 20)
            // The bound is 7 s; the rest is for a machine that pauses.
            #expect(ContinuousClock.now - start < .seconds(7) + .seconds(8) * patience)
            _ = streams
        }
    }

    @Test func `No presence leaves when the clients of a stopped node reconnect to the other one within their grace`()
        async throws
    {
        let settings = Self.settings(["ROLLCALL_DRAIN": "2"])
        let url = try await SharedRedis.url
        let leaving = try await RollcallProcess.serve(redis: url, environment: settings)
        try await withRollcall(redis: url, environment: settings) { staying in
            let observer = try await staying.client.events(events("room"))
            _ = try await observer.next("presence_state")
            try await withThrowingTaskGroup(of: SSEClient.self) { group in
                for index in 0..<30 {
                    let path = events("room", "key=user\(index)&session=s&grace=12")
                    let first = try await leaving.client.events(path)
                    _ = try await first.next("presence_state")
                    group.addTask {
                        // Reconnects as a browser does, when its stream has ended.
                        try await eventually("the end of the stream") { first.end != nil }
                        guard case .finished? = first.end else { throw NeverHappened(description: "a clean end") }
                        let second = try await staying.client.events(path)
                        _ = try await second.next("presence_state")
                        return second
                    }
                }
                let start = ContinuousClock.now
                let exit = await leaving.terminate()
                #expect(exit == .exited(0) && ContinuousClock.now - start < .seconds(10) + .seconds(10) * patience)
                var streams: [SSEClient] = []
                for try await stream in group { streams.append(stream) }

                // Longer than any grace: the marker outlives the last of them, so its leave would come after theirs.
                let marker = try await staying.client.events(events("room", "key=marker&grace=13"))
                _ = try await marker.next("tracked")
                await marker.close()
                let left = try await observer.leaves(until: "marker")
                #expect(left == ["marker"])
                let joins = try observer.events.flatMap { try $0.json["joins"]?.object.map { Array($0.keys) } ?? [] }
                #expect(joins.count == 31)
                _ = streams
            }
        }
    }

    @Test
    func `While Redis is away streams stay open and send degraded, lists are stale, writes get 503 with Retry-After`()
        async throws
    {
        try await withLocalRedis { redis in
            try await withRollcall(redis: redis.url, environment: Self.settings()) { node in
                let client = node.client
                let presences = RollcallClient.path(topic: "t", "presences")
                let bound = try await client.events(events("t", "key=alice&session=s"))
                let ref = try await bound.next("tracked").json["phx_ref"]
                _ = try await bound.next("presence_state")

                await redis.kill()
                #expect(try await bound.next("degraded").json["since"]?.string?.hasSuffix("Z") == true)
                #expect(bound.end == nil)
                let list = try await client.get(presences)
                #expect(list.status == 200)
                #expect(try list.json["stale"]?.bool == true && list.json["presences"]?["alice"] != nil)
                let write = try await client.post(presences, #"{"key":"bob"}"#)
                #expect(write.status == 503 && write.header("Retry-After") != nil)
                #expect(try await client.get("/readyz").status == 503)

                try await redis.restart()
                _ = try await bound.next("recovered")
                try await eventually("alice is back under her ref") {
                    let entry = try await client.get(presences + "/alice")
                    return try entry.status == 200 && entry.json["metas"]?[0]?["phx_ref"] == ref
                }
                try await eventually("the node is ready") { try await client.get("/readyz").status == 200 }
                let leaves = try bound.events.filter { $0.name == "presence_diff" }.compactMap {
                    try $0.json["leaves"]?["alice"]
                }
                #expect(leaves.isEmpty)
            }
        }
    }
}
