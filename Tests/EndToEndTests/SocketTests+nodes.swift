// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// Sockets and long polls on several nodes, and those of nodes that stop.
extension SocketTests {
    @Test func `A client that comes back after a lost connection never vanishes, and counts twice for a grace`()
        async throws
    {
        try await withNodes(["ROLLCALL_GRACE": "4"]) { one, two in
            let stream = try await two.client.events(path("events"))
            let lost = try await PhoenixClient.connect(one.url)
            try await lost.join(Self.topic, #"{"name":"Alice"}"#)
            await lost.socket.drop()
            let back = try await PhoenixClient.connect(two.url)
            try await back.join(Self.topic, #"{"name":"Alice"}"#)
            try await eventually("one presence of two") {
                let events = stream.events.filter { $0.name == "presence_diff" }
                let leaves = try events.count { try $0.json["leaves"]?["Alice"] != nil }
                return leaves == 1
            }
            var fold = FoldedPresence()
            var counts: [Int] = []
            for event in stream.events {
                try fold.receive(event)
                counts.append(fold.entries["Alice"]?.metas.count ?? 0)
            }
            #expect(counts.contains(2) && counts.drop { $0 == 0 }.allSatisfy { $0 > 0 } && counts.last == 1)
            await back.socket.drop()
            await stream.close()
        }
    }

    @Test func `A session that is named and joined again on another node within its grace is no leave and no join`()
        async throws
    {
        try await withNodes { one, two in
            let join = #"{"name":"Alice","session":"tab","grace":30}"#
            let first = try await PhoenixClient.connect(one.url)
            try await first.join(Self.topic, join)
            let stream = try await two.client.events(path("events"))
            let state = try await stream.next("presence_state").json
            try await first.socket.close()
            let second = try await PhoenixClient.connect(two.url, .v1)
            try await second.join(Self.topic, join)
            #expect(try await second.next("presence_state", on: Self.topic).payload == state)
            // The next change is the first one that the stream sees.
            _ = try await one.client.put(path("presences", "Bob", "s"))
            #expect(try await stream.next("presence_diff").json["joins"]?.object?.keys.map(\.text) == ["Bob"])
            await second.socket.drop()
            await stream.close()
        }
    }

    @Test func `Sockets of a node that stops get 1012, and no presence leaves when their clients join elsewhere`()
        async throws
    {
        let settings = ["ROLLCALL_DRAIN": "2", "ROLLCALL_REDIS_PREFIX": uniquePrefix()]
        let redis = try await SharedRedis.url
        let leaving = try await RollcallProcess.serve(redis: redis, environment: settings)
        try await withRollcall(redis: redis, environment: settings) { staying in
            let observer = try await staying.client.events(path("events"))
            _ = try await observer.next("presence_state")
            try await withThrowingTaskGroup(of: PhoenixClient.self) { group in
                for index in 0..<30 {
                    let join = #"{"name":"user\#(index)","session":"tab","grace":12}"#
                    let first = try await PhoenixClient.connect(leaving.url, index % 2 == 0 ? .v1 : .v2)
                    try await first.join(Self.topic, join)
                    group.addTask {
                        try await eventually("the end of the socket") { first.socket.isEnded }
                        #expect(first.socket.closeCode == 1012)
                        let second = try await PhoenixClient.connect(staying.url)
                        try await second.join(Self.topic, join)
                        return second
                    }
                }
                #expect(await leaving.terminate() == .exited(0))
                var sockets: [PhoenixClient] = []
                for try await socket in group { sockets.append(socket) }
                // The marker outlives every grace that has begun, so its leave would come after theirs.
                let marker = try await staying.client.events(path("events") + "?key=marker&grace=13")
                _ = try await marker.next("tracked")
                await marker.close()
                let left = try await observer.leaves(until: "marker")
                #expect(left == ["marker"] && sockets.count == 30)
                for socket in sockets { await socket.socket.drop() }
            }
        }
    }

    /// `ROLLCALL_TEST_SEED` is the first seed.
    @Test(.timeLimit(.minutes(10)))
    func `200 random histories over sockets, long polls, streams and requests leave every client with one roster`()
        async throws
    {
        try await withNodes(["ROLLCALL_GRACE": "1"]) { one, two in
            let clients = [one.client, two.client]
            let first = Environment.seed ?? UInt64.random(in: 0...1_000_000)
            print("random histories from seed \(first)")
            let encodings = try await withThrowingTaskGroup(of: SocketHistory.Encodings.self) { group in
                var sum = SocketHistory.Encodings()
                for index in 0..<200 {
                    if index >= 8, let done = try await group.next() { sum.add(done) }
                    group.addTask { try await SocketHistory(seed: first + UInt64(index), clients: clients).run() }
                }
                for try await done in group { sum.add(done) }
                return sum
            }
            let counted = try await encodedDiffs(one) + encodedDiffs(two)
            #expect(counted >= encodings.least && counted <= encodings.most, "seed \(first), \(encodings)")
        }
    }

    @Test func `Sockets of a node that stops close with 1012, spread over the time of the drain`() async throws {
        let settings = ["ROLLCALL_DRAIN": "5", "ROLLCALL_REDIS_PREFIX": uniquePrefix()]
        let leaving = try await RollcallProcess.serve(redis: try await SharedRedis.url, environment: settings)
        var sockets: [WebSocketClient] = []
        // Each event loop closes one socket every 50 ms: two seconds in all.
        for index in 0..<40 * ProcessInfo.processInfo.activeProcessorCount {
            sockets.append(try await PhoenixClient.connect(leaving.url, index % 2 == 0 ? .v1 : .v2).socket)
        }
        async let exit = leaving.terminate()
        try await eventually("the first end") { sockets.contains { $0.isEnded } }
        #expect(sockets.contains { !$0.isEnded }, "they are not closed all at once")
        try await eventually("the end of each") { sockets.allSatisfy { $0.isEnded } }
        #expect(sockets.allSatisfy { $0.closeCode == 1012 })
        let end = await exit
        #expect(end == .exited(0))
    }

    // MARK: Long polling

    @Test func `A long poll joins, polls and leaves at any node, without stickiness`() async throws {
        try await withNodes { one, two in
            let clients = [one.client, two.client]
            let stream = try await two.client.events(path("events"))
            _ = try await stream.next("presence_state")
            let poll = try await LongPollClient.open(at: clients)
            // Posted at the other node than the one of the session, and polled at both.
            let join = try await poll.send(("phx_join", #"{"name":"Alice"}"#), on: Self.topic, at: two.client)
            try await poll.poll(at: two.client)
            #expect(try await poll.answer(to: join[0]).status == "ok")
            poll.keepPolling()
            try await eventually("the own presence") { try poll.roster(of: Self.topic).entries["Alice"] != nil }
            var diff = try await stream.next("presence_diff").json
            #expect(diff["joins"]?["Alice"] != nil)

            let update = try await poll.send(("update", #"{"meta":{"n":1}}"#), on: Self.topic)
            #expect(try await poll.answer(to: update[0]).status == "ok")
            diff = try await stream.next("presence_diff").json
            #expect(diff["joins"]?["Alice"]?["metas"]?[0]?["n"] == 1)
            _ = try await one.client.put(path("presences", "Bob", "s"))
            try await eventually("Bob") { try poll.roster(of: Self.topic).entries["Bob"] != nil }

            let last = try await poll.send(
                ("wave", "{}"), ("phx_leave", "{}"), on: Self.topic, at: one.client)
            #expect(try await poll.answer(to: last[1]).status == "ok")
            try await eventually("the leave of Alice") {
                try await one.client.get(path("presences", "Alice")).status == 404
            }
            #expect(poll.statuses.dropFirst().allSatisfy { $0 == 200 || $0 == 204 })
            await poll.close()
            await stream.close()
        }
    }

    @Test func `A long poll of a node that is gone gets 410 with another session at the next node`() async throws {
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix()]
        let redis = try await SharedRedis.url
        let victim = try await RollcallProcess.serve(redis: redis, environment: settings)
        try await withRollcall(redis: redis, environment: settings) { staying in
            let poll = try await LongPollClient.open(at: [victim.client, staying.client])
            let first = poll.token
            await victim.kill()
            try await poll.poll(at: staying.client)
            #expect(poll.statuses == [410, 410] && poll.token != nil && poll.token != first)
            let join = try await poll.send(("phx_join", #"{"name":"Alice"}"#), on: Self.topic, at: staying.client)
            try await poll.poll(at: staying.client)
            #expect(try await poll.answer(to: join[0]).status == "ok")
        }
    }
}
