// Rollcall · FaultTests

import LocalServices
import Synchronization
import TestSupport
import Testing

/// Phoenix sockets, beside streams, while nodes and Redis fail.
@Suite("Phoenix sockets while something fails")
struct SocketFaultTests {
    @Test
    func `When the node of sockets is killed, clients that join elsewhere never leave, and others leave once, expired`()
        async throws
    {
        try await FaultCluster.with { cluster in
            let (victim, other) = (cluster.clients[0], cluster.clients[1])
            let isDead = Atomic(false)
            let returning = try await cluster.socketTabs(4) { isDead.load(ordering: .relaxed) ? [other] : [victim] }
            let streams = try await cluster.streamClients(2) { [other] }
            var lost: [PhoenixClient] = []
            let keys = (0..<4).map { "lost\($0)" }
            for key in keys {
                let client = try await PhoenixClient.connect(victim.baseURL, authToken: FaultAccess.token(key))
                #expect(try await client.join(cluster.topic, #"{"name":"\#(key)"}"#).status == "ok")
                lost.append(client)
            }
            try await cluster.expectPresent(keys)

            isDead.store(true, ordering: .relaxed)
            await cluster.nodes[0].kill()
            // The ttl, and 2 s until the sweep.
            try await cluster.expectLeaves(
                of: keys, because: "expired", within: .seconds(5 + 2), at: [cluster.watchers[1]])
            try await cluster.restart(0)
            try await cluster.expectOneTruth(and: returning.map(\.watcher))
            try await cluster.expectLeaves(
                of: keys, because: "expired", within: .seconds(1), at: [cluster.watchers[1]])
            try cluster.expectNoLeaves(
                of: returning.map(\.key) + streams.map(\.key), and: returning.map(\.watcher))
            #expect(returning.allSatisfy { $0.connections == 2 && $0.codes == [nil] })
            #expect(lost.allSatisfy { $0.socket.isEnded })
            for tab in returning { try await tab.close() }
            await cluster.end(streams)
        }
    }

    @Test func `The sockets of a node that hangs for longer than its leases leave once, and are back when it goes on`()
        async throws
    {
        try await FaultCluster.with { cluster in
            let (victim, other) = (cluster.clients[0], cluster.clients[1])
            let hanging = try await cluster.socketTabs(4) { [victim] }
            let staying = try await cluster.streamClients(2) { [other] }
            let keys = hanging.map(\.key)
            cluster.nodes[0].pause()
            try await cluster.expectLeaves(
                of: keys, because: "expired", within: .seconds(5 + 2), at: [cluster.watchers[1]])
            cluster.nodes[0].resume()
            try await cluster.expectPresent(keys)
            try await cluster.expectOneTruth(and: hanging.map(\.watcher))
            #expect(hanging.allSatisfy { $0.connections == 1 } && cluster.watchersAreOpen)
            try await cluster.expectLeaves(
                of: keys, because: "expired", within: .seconds(1), at: [cluster.watchers[1]])
            try cluster.expectNoLeaves(of: staying.map(\.key), and: hanging.map(\.watcher))
            for tab in hanging { try await tab.close() }
            await cluster.end(staying)
        }
    }

    @Test func `While Redis is away sockets stay open and joins are refused, and no presence leaves when it is back`()
        async throws
    {
        try await FaultCluster.with { cluster in
            let tabs = try await cluster.socketTabs(4)
            let streams = try await cluster.streamClients(2)
            let open = try await PhoenixClient.connect(
                cluster.clients[0].baseURL, authToken: FaultAccess.token("open"))
            #expect(try await open.join(cluster.topic, #"{"name":"open"}"#).status == "ok")
            try await cluster.expectPresent(["open"])
            let outages = cluster.outages

            for proxy in cluster.proxies { proxy.refuse() }
            let end = ContinuousClock.now + .seconds(7.5)
            try await cluster.expectStaleLists()
            let start = ContinuousClock.now
            let refused = try await open.join("room:another", #"{"name":"open"}"#)
            #expect(refused.status == "error" && refused.reason == "unavailable")
            #expect(ContinuousClock.now - start < .seconds(5) + .seconds(3) * patience)
            let update = try await open.push("update", #"{"meta":{"n":1}}"#, on: cluster.topic)
            #expect(update.status == "error" && update.reason != nil)
            #expect(try await open.push("heartbeat", on: "phoenix").status == "ok")
            try await ContinuousClock().sleep(until: end)  // because the outage must be longer than a ttl
            for proxy in cluster.proxies { proxy.heal() }

            try await cluster.expectOneTruth(and: tabs.map(\.watcher))
            try await eventually("a join") {
                try await open.join("room:another", #"{"name":"open"}"#).status == "ok"
            }
            try await eventually("an update") {
                try await open.push("update", #"{"meta":{"n":2}}"#, on: cluster.topic).status == "ok"
            }
            let keys = tabs.map(\.key) + streams.map(\.key)
            try cluster.expectNeverGone(keys + ["open"], and: tabs.map(\.watcher))
            #expect(tabs.allSatisfy { $0.connections == 1 } && cluster.watchersAreOpen)
            try await cluster.expectOneOutage(since: outages)
            await open.socket.drop()
            for tab in tabs { try await tab.close() }
            await cluster.end(streams)
        }
    }

    @Test func `After FLUSHALL the presences of open sockets are restored before any client shows them gone`()
        async throws
    {
        try await FaultCluster.with { cluster in
            let tabs = try await cluster.socketTabs(4)
            let streams = try await cluster.streamClients(2)
            try await cluster.expectOneTruth(and: tabs.map(\.watcher))
            try await cluster.sendToRedis("FLUSHALL")
            try await eventually("the presences in Redis") {
                let roster = try await cluster.redisRoster()
                return tabs.allSatisfy { roster[ExactName($0.key)] != nil }
            }
            try await cluster.expectOneTruth(and: tabs.map(\.watcher))
            try cluster.expectNeverGone(tabs.map(\.key) + streams.map(\.key), and: tabs.map(\.watcher))
            #expect(tabs.allSatisfy { $0.connections == 1 && $0.refusals == [] })
            for tab in tabs { try await tab.close() }
            await cluster.end(streams)
        }
    }

    @Test func `No presence of a socket leaves while all nodes are replaced in turn, and each socket closes with 1012`()
        async throws
    {
        try await FaultCluster.with(settings: ["ROLLCALL_DRAIN": "2"]) { cluster in
            let tabs = try await cluster.socketTabs(12)
            let streams = try await cluster.streamClients(4)
            for number in 0..<2 {
                #expect(await cluster.nodes[number].terminate() == .exited(0))
                try await cluster.restart(number)
                try await cluster.expectPresent(tabs.map(\.key) + streams.map(\.key))
            }
            try await cluster.expectOneTruth(and: tabs.map(\.watcher))
            try cluster.expectNoLeaves(of: tabs.map(\.key) + streams.map(\.key), and: tabs.map(\.watcher))
            let codes = tabs.flatMap(\.codes)
            #expect(!codes.isEmpty && codes.allSatisfy { $0 == 1012 })
            for tab in tabs { try await tab.close() }
            await cluster.end(streams)
        }
    }
}
