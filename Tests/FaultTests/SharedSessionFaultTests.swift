// Rollcall · FaultTests

import LocalServices
import TestSupport
import Testing

/// Sessions on several streams, while nodes and Redis fail.
@Suite("A session on several streams")
struct SharedSessionFaultTests {
    private func path(_ cluster: FaultCluster, _ key: String, grace: Int) -> String {
        RollcallClient.path(topic: cluster.topic, "events") + "?key=\(key)&session=tab&grace=\(grace)"
    }

    /// Opens a stream and returns when its presence is tracked.
    private func open(
        _ key: String, at node: Int, of cluster: FaultCluster, grace: Int = 1
    ) async throws -> SSEClient {
        let stream = try await cluster.clients[node].events(path(cluster, key, grace: grace))
        _ = try await stream.next("presence_state", timeout: .seconds(20))
        return stream
    }

    /// Opens streams of these keys at a node and closes each after 600 ms, at any stage of its request.
    private func openAndGiveUp(_ keys: some Sequence<String>, at node: Int, of cluster: FaultCluster) -> [Task<
        Void, Never
    >] {
        keys.map { key in
            let (client, target) = (cluster.clients[node], path(cluster, key, grace: 1))
            return Task {
                let stream = try? await client.events(target, timeout: .milliseconds(600))
                await stream?.close()
            }
        }
    }

    private static let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]

    @Test func `the session of a duplicated tab leaves with the last of its two streams, in either order`() async throws
    {
        try await FaultCluster.with(nodes: 1) { cluster in
            var pairs: [(first: SSEClient, last: SSEClient)] = []
            for isOlderFirst in [true, false] {
                let older = try await open("tab \(isOlderFirst)", at: 0, of: cluster)
                let newer = try await open("tab \(isOlderFirst)", at: 0, of: cluster)
                pairs.append(isOlderFirst ? (older, newer) : (newer, older))
            }
            let keys = ["tab true", "tab false"]
            for pair in pairs { await pair.first.close() }
            try await cluster.outliveLeases()
            try cluster.expectNoLeaves(of: keys)
            #expect(pairs.allSatisfy { $0.last.end == nil })
            for pair in pairs { await pair.last.close() }
            try await cluster.expectLeaves(of: keys, because: "closed", within: .seconds(10))
        }
    }

    @Test(arguments: [0, 2])
    func `a session on three streams of three nodes leaves with the last one, in every order`(
        grace: Int
    ) async throws {
        try await FaultCluster.with(nodes: 3) { cluster in
            let keys = Self.orders.map { "order\($0.map(String.init).joined())" }
            var streams: [[SSEClient]] = []
            for key in keys {
                var ofKey: [SSEClient] = []
                for node in 0..<3 { ofKey.append(try await open(key, at: node, of: cluster, grace: grace)) }
                streams.append(ofKey)
            }
            for turn in 0..<2 {
                for (order, ofKey) in zip(Self.orders, streams) { await ofKey[order[turn]].close() }
                try await cluster.outliveLeases()
                try cluster.expectNoLeaves(of: keys)
            }
            try await cluster.expectOneTruth()
            for (order, ofKey) in zip(Self.orders, streams) { await ofKey[order[2]].close() }
            try await cluster.expectLeaves(of: keys, because: "closed", within: .seconds(grace + 10))
        }
    }

    @Test func `a session outlives the killed node of one of its three streams, and leaves once after the others`()
        async throws
    {
        try await FaultCluster.with(nodes: 3) { cluster in
            let keys = ["stays", "ends"]
            var streams: [[SSEClient]] = []
            for key in keys {
                var ofKey: [SSEClient] = []
                for node in [2, 0, 1] { ofKey.append(try await open(key, at: node, of: cluster, grace: 0)) }
                streams.append(ofKey)
            }
            await cluster.nodes[2].kill()
            // The other streams of one session end while the dead one still holds it: the session lasts for its ttl.
            for stream in streams[1].dropFirst() { await stream.close() }
            let living = Array(cluster.watchers.prefix(2))
            try await cluster.expectLeaves(
                of: ["ends"], because: "expired", within: .seconds(5 + 10), at: living)
            try await cluster.restart(2)
            await streams[0][1].close()
            try await cluster.outliveLeases()
            try cluster.expectNoLeaves(of: ["stays"])
            await streams[0][2].close()
            try await cluster.expectLeaves(of: ["stays"], because: "closed", within: .seconds(10), at: living)
        }
    }

    @Test
    func `late tracks of a stopped node end no session of streams that its clients opened elsewhere meanwhile`()
        async throws
    {
        try await FaultCluster.with { cluster in
            let keys = (0..<24).map { "late\($0)" }
            var abandoned: [Task<Void, Never>] = []
            // Some requests arrive at a stopped node, others are at any stage when it stops.
            for some in keys.chunked(into: 4) {
                cluster.nodes[0].resume()
                abandoned += openAndGiveUp(some, at: 0, of: cluster)
                try await Task.sleep(for: .milliseconds(.random(in: 0...4)))
                cluster.nodes[0].pause()
            }
            abandoned += openAndGiveUp(keys, at: 0, of: cluster)
            for task in abandoned { await task.value }
            var streams: [SSEClient] = []
            for key in keys { streams.append(try await open(key, at: 1, of: cluster)) }
            cluster.nodes[0].resume()
            try await cluster.outliveLeases()
            try cluster.expectNoLeaves(of: keys)
            try await cluster.expectOneTruth()
            #expect(streams.allSatisfy { $0.end == nil && !$0.events.contains { $0.name == "untracked" } })
            for stream in streams { await stream.close() }
            try await cluster.expectLeaves(of: keys, because: "closed", within: .seconds(5 + 10))
        }
    }

    @Test func `late tracks of a stalled Redis end no session of streams that clients opened again meanwhile`()
        async throws
    {
        try await FaultCluster.with { cluster in
            let keys = (0..<16).map { "late\($0)" }
            cluster.redis.pause()
            let abandoned = openAndGiveUp(keys, at: 0, of: cluster) + openAndGiveUp(keys, at: 1, of: cluster)
            for task in abandoned { await task.value }
            let paths = keys.map { path(cluster, $0, grace: 1) }
            var streams: [SSEClient] = []
            for (number, path) in paths.enumerated() {
                streams.append(try await cluster.clients[number % 2].events(path))
            }
            try await Task.sleep(for: .seconds(2))  // because the stall itself is what is tested
            cluster.redis.resume()
            for stream in streams { _ = try await stream.next("tracked", timeout: .seconds(20)) }
            try await cluster.outliveLeases()
            try cluster.expectNoLeaves(of: keys)
            try await cluster.expectOneTruth()
            for stream in streams { await stream.close() }
            try await cluster.expectLeaves(of: keys, because: "closed", within: .seconds(5 + 10))
        }
    }

    @Test func `a session stays when one stream ends while the node of the other hangs for less than its leases`()
        async throws
    {
        try await FaultCluster.with { cluster in
            let hanging = try await open("shared", at: 0, of: cluster, grace: 0)
            let ending = try await open("shared", at: 1, of: cluster, grace: 0)
            // For less than a ttl: no watcher may see it.
            cluster.nodes[0].pause()
            await ending.close()
            try await Task.sleep(for: .seconds(2))  // because the hang itself is what is tested
            cluster.nodes[0].resume()
            try await cluster.outliveLeases()
            try cluster.expectNoLeaves(of: ["shared"])
            #expect(hanging.end == nil)
            await hanging.close()
            try await cluster.expectLeaves(of: ["shared"], because: "closed", within: .seconds(10))
        }
    }

    @Test func `a delete ends a session for its streams on all nodes, which go on as observers`() async throws {
        try await FaultCluster.with(nodes: 3) { cluster in
            var streams: [SSEClient] = []
            for node in 0..<3 { streams.append(try await open("shared", at: node, of: cluster)) }
            // One of the nodes misses the message.
            cluster.proxies[2].stallSubscribers()
            let session = RollcallClient.path(topic: cluster.topic, "presences", "shared", "tab")
            #expect(try await cluster.clients[0].delete(session).status == 204)
            for stream in streams {
                #expect(try await stream.next("untracked", timeout: .seconds(20)).json["key"]?.string == "shared")
            }
            cluster.proxies[2].cut()
            try await cluster.outliveLeases()
            try await cluster.expectLeaves(
                of: ["shared"], because: "untracked", within: .seconds(1), at: Array(cluster.watchers.prefix(2)))
            #expect(streams.allSatisfy { $0.end == nil && $0.events.count { $0.name == "untracked" } == 1 })
            for stream in streams { await stream.close() }
        }
    }
}

extension Array {
    fileprivate func chunked(into count: Int) -> [ArraySlice<Element>] {
        let size = (self.count + count - 1) / count
        return stride(from: 0, to: self.count, by: size).map { self[$0..<Swift.min($0 + size, self.count)] }
    }
}
