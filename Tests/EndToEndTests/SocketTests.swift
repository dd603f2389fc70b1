// Rollcall · EndToEndTests

import TestSupport
import Testing

/// Phoenix sockets over the wire, beside streams and requests.
@Suite("A Phoenix socket")
struct SocketTests {
    static let topic = "room:lobby"

    /// Lends one open node.
    func withNode(_ environment: [String: String] = [:], _ body: (RollcallProcess) async throws -> Void) async throws {
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix()].merging(environment) { $1 }
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { try await body($0) }
    }

    /// Lends two open nodes on one Redis.
    func withNodes(
        _ environment: [String: String] = [:],
        _ body: (_ one: RollcallProcess, _ two: RollcallProcess) async throws -> Void
    ) async throws {
        try await withTwoNodes(environment) { nodes in try await body(nodes[0], nodes[1]) }
    }

    func path(_ rest: String...) -> String {
        rest.reduce(RollcallClient.path(topic: Self.topic)) { $0 + "/" + RollcallClient.encoded($1) }
    }

    // MARK: Joins

    @Test(arguments: PhoenixClient.Version.allCases)
    func `A join is answered, then comes a state with the own presence, then come the diffs of streams and requests`(
        version: PhoenixClient.Version
    ) async throws {
        try await withNode { node in
            let stream = try await node.client.events(path("events"))
            _ = try await stream.next("presence_state")
            let alice = try await PhoenixClient.connect(node.url, version)
            let answer = try await alice.join(Self.topic, #"{"name":"Alice"}"#)
            #expect(answer.status == "ok" && answer.response == [:])
            let state = try await alice.next("presence_state", on: Self.topic)
            #expect(state.joinRef == (version == .v2 ? answer.ref : .null) && state.ref == .null)
            let meta = try #require(state.payload["Alice"]?["metas"]?[0])
            #expect(meta["online_at"]?.string.flatMap { Int($0) } != nil)
            let joined = try await stream.next("presence_diff").json["joins"]?["Alice"]?["metas"]?[0]
            #expect(joined == meta)
            let first = try alice.messages.prefix(2).map(\.event)
            #expect(first == ["phx_reply", "presence_state"])

            let bob = try await node.client.put(path("presences", "Bob", "s"), #"{"meta":{"n":1}}"#).json
            let join = try await alice.next("presence_diff", on: Self.topic)
            #expect(join.payload["joins"]?["Bob"]?["metas"]?[0]?["phx_ref"] == bob["phx_ref"])
            #expect(join.payload["leaves"] == [:] && join.payload.object?.count == 2)
            #expect(join.joinRef == .null && join.ref == .null)
            _ = try await node.client.patch(path("presences", "Bob", "s"), #"{"n":2}"#)
            let update = try await alice.next("presence_diff", on: Self.topic).payload
            #expect(update["joins"]?["Bob"]?["metas"]?[0]?["n"] == 2)
            #expect(update["leaves"]?["Bob"]?["metas"]?[0]?["n"] == 1)
            _ = try await node.client.delete(path("presences", "Bob", "s"))
            #expect(try await alice.next("presence_diff", on: Self.topic).payload["leaves"]?["Bob"] != nil)

            let list = try await node.client.get(path("presences")).json
            let presences = try #require(list["presences"])
            #expect(try FoldedPresence(of: presences).roster == alice.roster(of: Self.topic).roster)
            await alice.socket.drop()
            await stream.close()
        }
    }

    @Test func `Three tabs of the guide count as two and one, and a tab that is closed leaves at once`() async throws {
        try await withNode { node in
            var tabs: [PhoenixClient] = []
            for name in ["Alice", "Alice", "Bob"] {
                let tab = try await PhoenixClient.connect(node.url)
                try await tab.join(Self.topic, #"{"name":"\#(name)"}"#)
                tabs.append(tab)
            }
            let bob = tabs[2]
            func counts() throws -> [String: Int] {
                let entries = try bob.roster(of: Self.topic).entries
                return Dictionary(uniqueKeysWithValues: entries.map { ($0.text, $1.metas.count) })
            }
            try await eventually("both of Alice") { try counts() == ["Alice": 2, "Bob": 1] }
            try await tabs[0].socket.close(code: 1001)
            try await eventually("one of Alice") { try counts() == ["Alice": 1, "Bob": 1] }
            try await tabs[1].socket.close()
            try await eventually("none of Alice") { try counts() == ["Bob": 1] }
            await bob.socket.drop()
        }
    }

    @Test func `A channel without a key observes, and its changes are refused`() async throws {
        try await withNode { node in
            let socket = try await PhoenixClient.connect(node.url)
            #expect(try await socket.join(Self.topic).status == "ok")
            #expect(try await socket.next("presence_state", on: Self.topic).payload == [:])
            let answer = try await socket.push("update", #"{"meta":{}}"#, on: Self.topic)
            #expect(answer.status == "error" && answer.reason == "no key")
            #expect(try await node.client.get(path()).json["presences"] == 0)
            await socket.socket.drop()
        }
    }

    @Test func `A leave is answered, closes the channel, and the presence leaves`() async throws {
        try await withNode { node in
            let stream = try await node.client.events(path("events"))
            let alice = try await PhoenixClient.connect(node.url)
            let join = try await alice.join(Self.topic, #"{"name":"Alice"}"#)
            #expect(try await alice.push("phx_leave", on: Self.topic).status == "ok")
            #expect(try await alice.next("phx_close", on: Self.topic).ref == join.ref)
            let answer = try await alice.push("update", #"{"meta":{}}"#, on: Self.topic)
            #expect(answer.reason == "unmatched topic")
            var leave = try await stream.next("presence_diff").json
            while leave["leaves"] == [:] { leave = try await stream.next("presence_diff").json }
            #expect(leave["reasons"]?.object?.values.map(\.string) == ["closed"])
            #expect(try await alice.push("heartbeat", on: "phoenix").status == "ok")
            await alice.socket.drop()
            await stream.close()
        }
    }

    @Test func `A second join of a topic is answered before the first one closes, and one presence is left`()
        async throws
    {
        try await withNode { node in
            let alice = try await PhoenixClient.connect(node.url)
            let first = try await alice.join(Self.topic, #"{"name":"Alice"}"#)
            _ = try await alice.next("presence_state", on: Self.topic)
            let second = try await alice.join(Self.topic, #"{"name":"Alice"}"#)
            let close = try await alice.next("phx_close", on: Self.topic)
            #expect(close.joinRef == first.ref)
            let messages = try alice.messages
            let answered = try #require(messages.firstIndex(of: second))
            let ofFirst = messages[answered...].filter { $0.joinRef == first.ref }
            #expect(ofFirst == [close])
            try await eventually("one presence") {
                try alice.roster(of: Self.topic).entries["Alice"]?.metas.count == 1
            }
            await alice.socket.drop()
        }
    }

    @Test func `A socket has 100 channels, and room for another one after a leave`() async throws {
        try await withNode { node in
            let socket = try await PhoenixClient.connect(node.url)
            for number in 0..<100 { try await socket.send("phx_join", #"{"name":"Alice"}"#, on: "t\(number)") }
            let refused = try await socket.join("t100", #"{"name":"Alice"}"#)
            #expect(refused.status == "error" && refused.reason == "too many channels joined")
            // The topics send their states in any order.
            try await eventually("the state of each channel") {
                let states = try socket.messages.filter { $0.event == "presence_state" && $0.payload["Alice"] != nil }
                return Set(states.map(\.topic)).count == 100
            }
            try await socket.push("phx_leave", on: "t0")
            #expect(try await socket.join("t100", #"{"name":"Alice"}"#).status == "ok")
            await socket.socket.drop()
        }
    }

    // MARK: Changes

    @Test(arguments: PhoenixClient.Version.allCases)
    func `update, track and untrack change the presence of a channel, and are answered with its ref`(
        version: PhoenixClient.Version
    ) async throws {
        try await withNode { node in
            let alice = try await PhoenixClient.connect(node.url, version)
            try await alice.join(Self.topic, #"{"name":"Alice","session":"tab","meta":{"status":"here"}}"#)
            let stream = try await node.client.events(path("events"))
            #expect(
                try await stream.next("presence_state").json["Alice"]?["metas"]?[0]?["status"]?.string == "here")

            let update = try await alice.push("update", #"{"meta":{"status":"away","n":1}}"#, on: Self.topic)
            var meta = try await stream.next("presence_diff").json["joins"]?["Alice"]?["metas"]?[0]
            #expect(update.response?["phx_ref"] == meta?["phx_ref"] && meta?["status"]?.string == "away")
            let patch = try await alice.push("update", #"{"patch":{"n":2}}"#, on: Self.topic)
            meta = try await stream.next("presence_diff").json["joins"]?["Alice"]?["metas"]?[0]
            #expect(patch.response?["phx_ref"] == meta?["phx_ref"] && meta?["n"] == 2)
            #expect(meta?["status"]?.string == "away")
            let wrong = try await alice.push("update", #"{"meta":{"phx_ref":"x"}}"#, on: Self.topic)
            #expect(wrong.status == "error" && wrong.response?["detail"] != nil)

            let untrack = try await alice.push("untrack", on: Self.topic)
            #expect(untrack.status == "ok" && untrack.response == [:])
            let leave = try await stream.next("presence_diff").json
            #expect(leave["leaves"]?["Alice"] != nil)
            #expect(leave["reasons"]?.object?.values.map(\.string) == ["untracked"])
            #expect(try await alice.push("update", #"{"meta":{}}"#, on: Self.topic).status == "error")

            let track = try await alice.push("track", #"{"meta":{"n":3}}"#, on: Self.topic)
            meta = try await stream.next("presence_diff").json["joins"]?["Alice"]?["metas"]?[0]
            #expect(track.response?["phx_ref"] == meta?["phx_ref"] && meta?["n"] == 3)
            #expect(try await alice.push("wave", on: Self.topic).reason == "unknown event")
            await alice.socket.drop()
            await stream.close()
        }
    }

    @Test func `A client of supabase tracks by a message of its own, on a topic without its prefix`() async throws {
        try await withNode { node in
            let topic = "realtime:" + Self.topic
            let alice = try await PhoenixClient.connect(node.url, .v1, "apikey=any")
            let join = #"{"config":{"broadcast":{"ack":false,"self":false},"presence":{"key":"Alice"}}}"#
            #expect(try await alice.join(topic, join).status == "ok")
            #expect(try await alice.next("presence_state", on: topic).payload == [:])
            let track = #"{"type":"presence","event":"track","payload":{"at":"home"}}"#
            let answer = try await alice.push("presence", track, on: topic)
            #expect(answer.status == "ok" && answer.response == [:])
            let diff = try await alice.next("presence_diff", on: topic).payload
            #expect(diff["joins"]?["Alice"]?["metas"]?[0]?["at"]?.string == "home")
            #expect(try await node.client.get(path("presences", "Alice")).status == 200)
            try await alice.push("presence", #"{"type":"presence","event":"untrack"}"#, on: topic)
            #expect(try await alice.next("presence_diff", on: topic).payload["leaves"]?["Alice"] != nil)
            await alice.socket.drop()
        }
    }

    @Test func `A broadcast of a supabase client is refused, and its presence stays, even if it is called phx_leave`()
        async throws
    {
        try await withNode { node in
            let topic = "realtime:" + Self.topic
            let alice = try await PhoenixClient.connect(node.url)
            let join = try await alice.join(topic, #"{"config":{"presence":{"key":"Alice"}}}"#)
            try await alice.push("presence", #"{"event":"track","payload":{}}"#, on: topic)
            let texts = [try #require(join.ref.string), "9", topic, "phx_leave", ""].map { Array($0.utf8) }
            let header = [3] + texts.map { UInt8($0.count) } + [1]
            let message = header + texts.flatMap { $0 } + Array("{}".utf8)
            try await alice.socket.send(bytes: WebSocketBytes.masked(message, opcode: 2))
            #expect(try await alice.answer(to: "9", on: topic).reason == "unknown event")
            #expect(try await node.client.get(path("presences", "Alice")).status == 200)
            await alice.socket.drop()
        }
    }

    // MARK: Options

    @Test func `Parameters choose the view, the reasons, one key a diff, and the join_ref of diffs`() async throws {
        try await withNode { node in
            let keys = try await PhoenixClient.connect(node.url, .v2, "view=keys&reasons=true")
            let count = try await PhoenixClient.connect(node.url, .v2, "view=count&a[b]=c&")
            let each = try await PhoenixClient.connect(node.url, .v2, "diffs=each")
            let stamped = try await PhoenixClient.connect(node.url, .v2, "join_ref=always")
            var joinRef = JSONValue.null
            for socket in [keys, count, each, stamped] { joinRef = try await socket.join(Self.topic).ref }
            #expect(try await count.next("presence_count", on: Self.topic).payload == ["keys": 0, "presences": 0])
            for socket in [keys, each, stamped] { _ = try await socket.next("presence_state", on: Self.topic) }

            let batch = ["Alice", "Bob"].map { #"{"op":"put","topic":"room:lobby","key":"\#($0)","session":"s"}"# }
            _ = try await node.client.post("/v1/batch", #"{"operations":[\#(batch.joined(separator: ","))]}"#)
            let joins = try await keys.next("presence_diff", on: Self.topic).payload
            #expect(joins["joins"]?["Alice"]?["metas"]?[0]?.object?.count == 1 && joins["reasons"] == [:])
            try await eventually("the counts") {
                try count.messages.last?.payload == ["keys": 2, "presences": 2]
            }
            for _ in 0..<2 {
                let diff = try await each.next("presence_diff", on: Self.topic)
                #expect(diff.payload["joins"]?.object?.count == 1 && diff.joinRef == .null)
            }
            #expect(try await stamped.next("presence_diff", on: Self.topic).joinRef == joinRef)
            for socket in [keys, count, each, stamped] { await socket.socket.drop() }
        }
    }
}
