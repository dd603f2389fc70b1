// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// What a client of one node's streams sees, over the wire.
@Suite("A stream")
struct StreamTests {
    func withNode(
        _ environment: [String: String] = [:], _ body: (RollcallClient) async throws -> Void
    ) async throws {
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix()].merging(environment) { _, given in given }
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
            try await body(node.client)
        }
    }

    func events(_ topic: String, _ query: String = "") -> String {
        RollcallClient.path(topic: topic, "events") + (query.isEmpty ? "" : "?" + query)
    }

    @Test func `One request shows the state, then ordered diffs, each with a cursor, and the list has the same cursor`()
        async throws
    {
        try await withNode { client in
            let presences = RollcallClient.path(topic: "room:lobby", "presences")
            _ = try await client.post(presences, #"{"key":"alice","meta":{"status":"here"}}"#)
            let stream = try await client.events(events("room:lobby"))
            #expect(stream.status == 200)
            #expect(stream.header("Content-Type") == "text/event-stream")
            #expect(stream.header("Cache-Control") == "no-store, no-transform")
            #expect(stream.header("X-Accel-Buffering") == "no")

            let state = try await stream.next()
            #expect(state.name == "presence_state")
            #expect(try state.json["alice"]?["metas"]?[0]?["status"]?.string == "here")
            #expect(stream.comments.first == "room:lobby, 1 key, 1 presence")
            #expect((1000...3000).contains(try #require(stream.retry)))
            #expect(try await client.get(presences).json["cursor"]?.string == state.id)

            let receipt = try await client.post(presences, #"{"key":"bob"}"#).json
            let diff = try await stream.next()
            #expect(diff.name == "presence_diff")
            #expect(diff.id == receipt["cursor"]?.string)
            #expect(try diff.json["joins"]?["bob"]?["metas"]?[0]?["phx_ref"] == receipt["phx_ref"])
            #expect(try diff.json["leaves"]?.object?.isEmpty == true)

            _ = try await client.delete(RollcallClient.path(topic: "room:lobby", "presences", "bob"))
            let leave = try await stream.next().json
            let ref = try #require(receipt["phx_ref"]?.string)
            #expect(leave["leaves"]?["bob"]?["metas"]?[0]?["phx_ref"]?.string == ref)
            #expect(leave["reasons"]?[ref]?.string == "untracked")
        }
    }

    @Test
    func `An update is one diff: the new meta joins with the ref it replaces, the old one leaves without a reason`()
        async throws
    {
        try await withNode { client in
            let presences = RollcallClient.path(topic: "t", "presences")
            let receipt = try await client.post(presences, #"{"key":"alice","session":"s1","meta":{"a":1,"b":1e400}}"#)
                .json
            let stream = try await client.events(events("t"))
            _ = try await stream.next("presence_state")
            let answer = try await client.patch(presences + "/alice/s1", #"{"a":2}"#)
            #expect(answer.status == 200)
            let diff = try await stream.next("presence_diff")
            let joined = try #require(try diff.json["joins"]?["alice"]?["metas"]?[0])
            #expect(joined["phx_ref_prev"] == receipt["phx_ref"] && joined["a"]?.int == 2)
            #expect(diff.data.contains(#""b":1e400"#))
            #expect(try diff.json["leaves"]?["alice"]?["metas"]?[0]?["phx_ref"] == receipt["phx_ref"])
            #expect(try diff.json["reasons"]?.object?.isEmpty == true)
        }
    }

    @Test(arguments: [true, false])
    func `A stream that resumes with its cursor gets exactly what it missed`(byHeader: Bool) async throws {
        try await withNode { client in
            let presences = RollcallClient.path(topic: "t", "presences")
            _ = try await client.post(presences, #"{"key":"alice","session":"s"}"#)
            let first = try await client.events(events("t"))
            let cursor = try #require(try await first.next("presence_state").id)
            await first.close()
            _ = try await client.post(presences, #"{"key":"bob"}"#)
            let second =
                byHeader
                ? try await client.events(events("t"), lastEventID: cursor)
                : try await client.events(events("t", "since=\(cursor)"))
            let missed = try await second.next()
            #expect(missed.name == "presence_diff")
            #expect(try missed.json["joins"]?.object?.count == 1)
            #expect(try missed.json["joins"]?["bob"] != nil)

            // It missed nothing, so its next event is the next change.
            let third = try await client.events(events("t"), lastEventID: missed.lastEventID)
            try await eventually { third.comments.contains("t, resumed") }
            _ = try await client.delete(presences + "/alice/s")
            let next = try await third.next()
            #expect(try next.json["leaves"]?["alice"] != nil)
        }
    }

    @Test(
        arguments: ["garbage", "0-0", "ffffffffffffffff-3", "-", "1,2", ""])
    func `A cursor that is garbage, of another topic or of another epoch brings a fresh state`(cursor: String)
        async throws
    {
        try await withNode { client in
            _ = try await client.post(RollcallClient.path(topic: "t", "presences"), #"{"key":"alice"}"#)
            let stream = try await client.events(events("t"), lastEventID: cursor)
            #expect(try await stream.next().name == "presence_state")
        }
    }

    @Test func `The keys view shows refs alone, the count view two numbers`() async throws {
        try await withNode { client in
            let presences = RollcallClient.path(topic: "t", "presences")
            _ = try await client.post(presences, #"{"key":"alice","meta":{"large":"text"}}"#)
            let keys = try await client.events(events("t", "view=keys"))
            let count = try await client.events(events("t", "view=count"))
            let meta = try #require(try await keys.next("presence_state").json["alice"]?["metas"]?[0]?.object)
            #expect(meta.count == 1 && meta["phx_ref"] != nil)
            #expect(try await count.next().data == #"{"keys":1,"presences":1}"#)
            _ = try await client.post(presences, #"{"key":"alice"}"#)
            #expect(try await count.next("presence_count").data == #"{"keys":1,"presences":2}"#)
            #expect(try await keys.next("presence_diff").json["joins"]?["alice"]?["metas"]?.array?.count == 1)
        }
    }

    @Test
    func `A stream with a key is a presence: first tracked, then in its own state, and closed after its grace`()
        async throws
    {
        try await withNode { client in
            let observer = try await client.events(events("t"))
            _ = try await observer.next("presence_state")
            let stream = try await client.events(
                events("t", "key=alice&session=tab1&grace=0&meta=" + RollcallClient.encoded(#"{"device":"phone"}"#)))
            let tracked = try await stream.next()
            #expect(tracked.name == "tracked")
            let ref = try #require(try tracked.json["phx_ref"]?.string)
            #expect(try tracked.json["key"]?.string == "alice" && tracked.json["session"]?.string == "tab1")
            #expect(try tracked.json["grace"]?.int == 0)
            let state = try await stream.next()
            #expect(state.name == "presence_state")
            #expect(try state.json["alice"]?["metas"]?[0]?["device"]?.string == "phone")
            #expect(try await observer.next("presence_diff").json["joins"]?["alice"] != nil)
            await stream.close()
            let leave = try await observer.next("presence_diff")
            #expect(try leave.json["reasons"]?[ref]?.string == "closed")
        }
    }

    @Test
    func `A session that is opened again within its grace does not leave, and later leaves once, closed`()
        async throws
    {
        try await withNode { client in
            let observer = try await client.events(events("t"))
            _ = try await observer.next("presence_state")
            let query = "key=alice&session=tab1&grace=8"
            let first = try await client.events(events("t", query))
            let ref = try await first.next("tracked").json["phx_ref"]
            _ = try await observer.next("presence_diff")
            await first.close()
            let second = try await client.events(events("t", query))
            #expect(try await second.next("tracked").json["phx_ref"] == ref)
            _ = try await second.next("presence_state")

            // Longer than the grace, measured by the lease of another presence: the marker's leave must come first.
            let marker = try await client.events(events("t", "key=marker&grace=9"))
            #expect(try await observer.next("presence_diff").json["joins"]?["marker"] != nil)
            await marker.close()
            #expect(try await observer.next("presence_diff").json["leaves"]?["marker"] != nil)

            await second.close()
            let leave = try await observer.next("presence_diff").json
            #expect(leave["reasons"]?[try #require(ref?.string)]?.string == "closed")
        }
    }

    @Test(
        arguments: [true, false])
    func `A session on two streams stays when either stream ends, and leaves with the last one`(
        isOlderFirst: Bool
    ) async throws {
        try await withNode { client in
            let observer = try await client.events(events("t"))
            _ = try await observer.next("presence_state")
            let older = try await client.events(events("t", "key=alice&session=tab1&grace=0"))
            _ = try await older.next("tracked")
            let newer = try await client.events(events("t", "key=alice&session=tab1&grace=0"))
            _ = try await newer.next("presence_state")
            let (first, last) = isOlderFirst ? (older, newer) : (newer, older)
            await first.close()
            let marker = try await client.events(events("t", "key=marker&grace=0"))
            _ = try await marker.next("tracked")
            await marker.close()
            _ = try await observer.next("presence_diff")
            #expect(try await observer.leaves(until: "marker") == ["marker"])
            await last.close()
            #expect(try await observer.next("presence_diff").json["leaves"]?["alice"] != nil)
        }
    }

    @Test func `A stream takes over a session that REST tracked, without a diff if the meta is the same`() async throws
    {
        try await withNode { client in
            let presences = RollcallClient.path(topic: "t", "presences")
            let receipt = try await client.post(presences, #"{"key":"alice","session":"s","meta":{"a":1}}"#).json
            let observer = try await client.events(events("t"))
            let cursor = try await observer.next("presence_state").id
            let stream = try await client.events(events("t", "key=alice&session=s&grace=0"))
            #expect(try await stream.next("tracked").json["phx_ref"] == receipt["phx_ref"])
            let state = try await stream.next("presence_state")
            #expect(state.id == cursor)
            #expect(try state.json["alice"]?["metas"]?[0]?["a"]?.int == 1)
        }
    }

    @Test func `A deleted presence of a stream leaves and is not restored, and its stream goes on as an observer`()
        async throws
    {
        // Short leases, so that the node has renewed them before the marker's is over.
        try await withNode(["ROLLCALL_DEFAULT_TTL": "5"]) { client in
            let stream = try await client.events(events("t", "key=alice&session=tab1"))
            _ = try await stream.next("presence_state")
            _ = try await client.delete(RollcallClient.path(topic: "t", "presences", "alice", "tab1"))
            var names = [try await stream.next().name, try await stream.next().name]
            names.sort()
            #expect(names == ["presence_diff", "untracked"])
            _ = try await client.post(RollcallClient.path(topic: "t", "presences"), #"{"key":"marker"}"#)
            #expect(try await stream.next("presence_diff").json["joins"]?.object?.count == 1)
            let last = try await stream.next("presence_diff").json
            #expect(last["leaves"]?["marker"] != nil && last["joins"]?.object?.isEmpty == true)
            #expect(try await client.get(RollcallClient.path(topic: "t", "presences", "alice")).status == 404)
        }
    }

    @Test func `If a node misses the delete of a stream's presence, the stream gets untracked at the next renewal`()
        async throws
    {
        try await withLocalRedis { redis in
            try await withRollcall(redis: redis.socketURL, environment: ["ROLLCALL_DEFAULT_TTL": "5"]) { node in
                let stream = try await node.client.events(events("lobby", "key=alice&session=tab1"))
                _ = try await stream.next("presence_state")
                // The writes of a DELETE, without its message.
                let script = """
                    local owner = string.match(redis.call('HGET', KEYS[1], ARGV[1]), ',([^ ]+) ')
                    redis.call('ZADD', KEYS[3], redis.call('TIME')[1] * 1000, 'lobby\\31' .. ARGV[1] .. '\\31' .. owner)
                    redis.call('ZREM', KEYS[2], ARGV[1])
                    return redis.call('HDEL', KEYS[1], ARGV[1])
                    """
                let keys = ["rc:{51}:h:lobby", "rc:{51}:z:lobby", "rc:{51}:g"]
                let eval = ["-s", redis.socketPath, "EVAL", script, "3"] + keys + ["alice\u{1f}tab1"]
                #expect(try await Command.run("redis-cli", eval).code == 0)
                #expect(try await stream.next("untracked").json["key"]?.string == "alice")
                #expect(
                    try await LocalSocket.answer(from: redis.socketPath, to: "EXISTS \(keys[0])\r\n").hasPrefix(":0"))
            }
        }
    }

    @Test func `A node that stops accepts no new connection while it ends its streams`() async throws {
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_DRAIN": "5"]
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
            var streams: [SSEClient] = []
            // Each event loop ends one stream every 50 ms: four seconds in all.
            for _ in 0..<80 * ProcessInfo.processInfo.activeProcessorCount {
                let stream = try await node.client.events(events("t"))
                _ = try await stream.next("presence_state")
                streams.append(stream)
            }
            node.process.send(SIGTERM)
            try await eventually("a refusal") {
                // An HTTP client would retry for a while.
                guard let accepted = try? await StalledReader.open(node.client.baseURL + "/healthz") else {
                    return true
                }
                await accepted.close()
                return false
            }
            #expect(streams.contains { $0.end == nil }, "they are not ended all at once")
            for stream in streams {
                try await eventually("the end of each") { stream.end != nil }
                guard case .finished? = stream.end else { throw NeverHappened(description: "a clean end") }
                let last = try #require(stream.events.last { $0.name != "ping" })
                #expect(last.name == "end")
                #expect(try last.json == ["reason": "draining", "reconnect": true])
            }
        }
    }

    @Test func `Requests are counted by route and class of status, and no metric has a topic or a key`() async throws {
        try await withNode { client in
            let presences = RollcallClient.path(topic: "secret-topic", "presences")
            _ = try await client.post(presences, #"{"key":"secret-key"}"#)
            _ = try await client.get("/v1/secret-path")
            let text = try await client.get("/metrics").text
            let route = #"method="POST",route="/v1/topics/{topic}/presences",status="2xx""#
            #expect(text.contains("\nrollcall_http_requests_total{\(route)} 1\n"))
            #expect(!text.contains("secret"))
        }
    }

    @Test func `One stream follows many topics, names the topic in each event and resumes all by one id`() async throws
    {
        try await withNode { client in
            let path = "/v1/events?topic=a&topic=b"
            let stream = try await client.events(path)
            let states = [try await stream.next(), try await stream.next()]
            #expect(Set(try states.map { try $0.json["topic"]?.string }) == ["a", "b"])
            #expect(try states.allSatisfy { try $0.json["state"]?.object?.isEmpty == true })
            _ = try await client.post(RollcallClient.path(topic: "b", "presences"), #"{"key":"bob"}"#)
            let diff = try await stream.next("presence_diff")
            #expect(try diff.json["topic"]?.string == "b" && diff.json["joins"]?["bob"] != nil)
            #expect(try #require(diff.id).split(separator: ",").count == 2)
            await stream.close()

            _ = try await client.post(RollcallClient.path(topic: "b", "presences"), #"{"key":"eve"}"#)
            let back = try await client.events(path, lastEventID: diff.lastEventID)
            let missed = try await back.next("presence_diff")
            #expect(try missed.json["topic"]?.string == "b" && missed.json["joins"]?.object?.count == 1)
        }
    }

    @Test func `A ping has data, and comes on time`() async throws {
        try await withNode(["ROLLCALL_PING_INTERVAL": "1"]) { client in
            let stream = try await client.events(events("quiet"))
            #expect(try await stream.next("ping").data == "{}")
        }
    }

    @Test func `A HEAD request of a stream ends at once, and a bad query is a problem before the stream begins`()
        async throws
    {
        try await withNode { client in
            #expect(try await client.send("HEAD", events("t")).status == 200)
            for query in [
                "view=some", "grace=5", "key=", "key=a&session=b%20c", "key=a&meta=%5B%5D", "key=a&meta={",
                "key=a&grace=61",
            ] {
                let stream = try await client.events(events("t", query.replacing("{", with: "%7B")))
                #expect(stream.status == 400, "\(query)")
                #expect(stream.header("Content-Type") == "application/problem+json")
            }
            for query in ["", "topic=a&topic=a", "topic=a&key=alice"] {
                #expect(try await client.events("/v1/events?\(query)").status == 400, "\(query)")
            }
            #expect(try await client.get("/v1/topics").json["topics"]?.array?.isEmpty == true)
        }
    }
}
