// Rollcall · FaultTests

import LocalServices
import Synchronization
import TestSupport
import Testing

/// Nodes that are cut off, die, hang, or are replaced.
@Suite("Nodes that fail")
struct NodeFaultTests {
    /// The ttl that a cluster gives to streams, and the 2 s that a sweep may take beyond it.
    private static let bound = Duration.seconds(5 + 2)

    @Test
    func `The browsers of a node cut off from Redis leave once elsewhere, and their open streams restore them`()
        async throws
    {
        try await FaultCluster.with { cluster in
            let (cut, other) = (cluster.clients[0], cluster.clients[1])
            let browsers = try await Browsers.open(4, on: cluster.topic, at: cut)
            let staying = try await cluster.streamClients(2) { [other] }
            let backends = try await cluster.requestClients(2) { [other] }
            try await cluster.expectPresent(browsers.keys)

            cluster.proxies[0].silence()
            try await expectRefusal(of: "late", by: cluster, at: cut)
            try await cluster.expectLeaves(
                of: browsers.keys, because: "expired", within: Self.bound, at: [cluster.watchers[1]])
            cluster.proxies[0].refuse()
            try await eventually("degraded at each browser") {
                browsers.watchers.allSatisfy { $0.count(of: "degraded") > 0 }
            }
            try await expectRefusal(of: "later", by: cluster, at: cut)
            let list = try await cut.get(RollcallClient.path(topic: cluster.topic, "presences")).json
            #expect(list["stale"]?.bool == true && list["presences"]?[browsers.keys[0]] != nil)

            cluster.proxies[0].heal()
            try await eventually("recovered at each browser") {
                browsers.watchers.allSatisfy { $0.count(of: "recovered") > 0 }
            }
            try await cluster.expectPresent(browsers.keys)
            try await cluster.expectOneTruth(and: browsers.watchers)
            #expect(browsers.areOpen && cluster.watchersAreOpen)
            for watcher in browsers.watchers + [cluster.watchers[0]] {
                #expect(watcher.count(of: "degraded") == 1 && watcher.count(of: "recovered") == 1, "\(watcher.name)")
                #expect(watcher.count(of: "untracked") == 0, "\(watcher.name)")
            }
            #expect(cluster.watchers[1].count(of: "degraded") == 0)
            try await cluster.expectLeaves(
                of: browsers.keys, because: "expired", within: .seconds(1), at: [cluster.watchers[1]])
            try cluster.expectNoLeaves(of: (staying.map(\.key) + backends.map(\.key)), and: browsers.watchers)
            #expect(backends.allSatisfy { $0.tracks == 1 })
            await browsers.close()
            for tab in staying { await tab.close() }
            for backend in backends { await backend.die() }
        }
    }

    @Test func `When a node is killed, clients that reconnect elsewhere never leave, and others leave once, expired`()
        async throws
    {
        try await FaultCluster.with { cluster in
            let (victim, other) = (cluster.clients[0], cluster.clients[1])
            let isDead = Atomic(false)
            let returning = try await cluster.streamClients(4) { isDead.load(ordering: .relaxed) ? [other] : [victim] }
            // Long enough for heartbeats that the dead node did not answer.
            let backends = try await cluster.requestClients(3, ttl: 15)
            let lost = try await Browsers.open(4, on: cluster.topic, at: victim)
            try await cluster.expectPresent(lost.keys)

            isDead.store(true, ordering: .relaxed)
            await cluster.nodes[0].kill()
            try await cluster.expectLeaves(
                of: lost.keys, because: "expired", within: Self.bound, at: [cluster.watchers[1]])
            try await cluster.restart(0)
            try await cluster.expectOneTruth(and: returning.map(\.watcher))
            try await cluster.expectLeaves(
                of: lost.keys, because: "expired", within: .seconds(1), at: [cluster.watchers[1]])
            try cluster.expectNoLeaves(of: (returning.map(\.key) + backends.map(\.key)), and: returning.map(\.watcher))
            #expect(returning.allSatisfy { $0.connections == 2 } && backends.allSatisfy { $0.tracks == 1 })
            for tab in returning { await tab.close() }
            for backend in backends { await backend.die() }
        }
    }

    @Test func `The browsers of a node that hangs for longer than its leases leave once, and are back when it goes on`()
        async throws
    {
        try await FaultCluster.with { cluster in
            let (victim, other) = (cluster.clients[0], cluster.clients[1])
            let browsers = try await Browsers.open(4, on: cluster.topic, at: victim)
            let staying = try await cluster.streamClients(2) { [other] }
            let backends = try await cluster.requestClients(2) { [other] }
            try await cluster.expectPresent(browsers.keys)

            cluster.nodes[0].pause()
            try await cluster.expectLeaves(
                of: browsers.keys, because: "expired", within: Self.bound, at: [cluster.watchers[1]])
            cluster.nodes[0].resume()
            try await cluster.expectPresent(browsers.keys)
            try await cluster.expectOneTruth(and: browsers.watchers)
            #expect(browsers.areOpen && cluster.watchersAreOpen)
            for watcher in browsers.watchers {
                #expect(watcher.count(of: "degraded") == watcher.count(of: "recovered"), "\(watcher.name)")
                #expect(watcher.count(of: "degraded") <= 1 && watcher.count(of: "untracked") == 0, "\(watcher.name)")
            }
            try await cluster.expectLeaves(
                of: browsers.keys, because: "expired", within: .seconds(1), at: [cluster.watchers[1]])
            try cluster.expectNoLeaves(of: (staying.map(\.key) + backends.map(\.key)), and: browsers.watchers)
            await browsers.close()
            for tab in staying { await tab.close() }
            for backend in backends { await backend.die() }
        }
    }

    @Test
    func `No presence leaves while all nodes are replaced in turn under load, and every resumed stream is right`()
        async throws
    {
        try await FaultCluster.with(settings: ["ROLLCALL_DRAIN": "2"]) { cluster in
            let tabs = try await cluster.streamClients(16)
            let backends = try await cluster.requestClients(6)
            let load = Task { await churn(cluster) }

            for number in 0..<2 {
                #expect(await cluster.nodes[number].terminate() == .exited(0))
                try await cluster.restart(number)
                try await cluster.expectPresent(tabs.map(\.key) + backends.map(\.key))
            }
            load.cancel()
            let changes = await load.value
            #expect(changes > 0)
            try await cluster.expectOneTruth(and: tabs.map(\.watcher))
            try cluster.expectNoLeaves(of: tabs.map(\.key) + backends.map(\.key), and: tabs.map(\.watcher))
            #expect(cluster.watchersAreOpen)
            #expect(tabs.contains { $0.connections > 1 } && backends.allSatisfy { $0.tracks == 1 })
            for tab in tabs { await tab.close() }
            for backend in backends { await backend.die() }
        }
    }

    /// Tracks and untracks presences at any node until the task is cancelled; returns the number of changes.
    private func churn(_ cluster: FaultCluster) async -> Int {
        var changes = 0
        while !Task.isCancelled {
            let path = RollcallClient.path(topic: cluster.topic, "presences", "guest\(changes % 20)", "s")
            let client = cluster.clients.randomElement()
            let answer = try? await client?.send(
                changes % 3 == 2 ? "DELETE" : "PUT", path, changes % 3 == 2 ? nil : #"{"meta":{"n":\#(changes)}}"#,
                timeout: .seconds(3))
            if answer.map({ $0.status < 300 }) == true { changes += 1 }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return changes
    }

    /// A write gets 503 with `Retry-After` within the command time-out.
    private func expectRefusal(of key: String, by cluster: FaultCluster, at client: RollcallClient) async throws {
        let start = ContinuousClock.now
        let answer = try await client.put(
            RollcallClient.path(topic: cluster.topic, "presences", key, "s"), #"{"ttl":60}"#)
        #expect(answer.status == 503 && answer.header("Retry-After") != nil)
        #expect(ContinuousClock.now - start < .seconds(3) * patience)
    }
}

/// Tabs at one node that stay on the stream they opened, and do not reconnect when it ends.
private struct Browsers {
    let keys: [String]
    private let streams: [SSEClient]

    static func open(_ count: Int, on topic: String, at client: RollcallClient) async throws -> Browsers {
        let keys = (0..<count).map { "browser\($0)" }
        var streams: [SSEClient] = []
        for key in keys {
            let path = RollcallClient.path(topic: topic, "events") + "?key=\(key)&session=tab&grace=10"
            let stream = try await client.events(path, headers: FaultAccess.browser(key))
            _ = try await stream.next("presence_state")
            streams.append(stream)
        }
        return Browsers(keys: keys, streams: streams)
    }

    var areOpen: Bool { streams.allSatisfy { $0.end == nil } }

    var watchers: [Watcher] {
        zip(keys, streams).map { key, stream in Watcher(name: "the stream of \(key)") { stream.events } }
    }

    func close() async { for stream in streams { await stream.close() } }
}
