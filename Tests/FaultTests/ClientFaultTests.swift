// Rollcall · FaultTests

import TestSupport
import Testing

/// What happens when clients hang up by half.
@Suite("Clients that fail")
struct ClientFaultTests {
    @Test("Clients that hang up by half are gone, and their connections with them; what they asked for is answered")
    func halfCloses() async throws {
        try await FaultCluster.with { cluster in
            let (node, client) = (cluster.nodes[0], cluster.clients[0])
            let owners = try await cluster.streamOwners(2)
            let open = try await client.metric("rollcall_streams_open")
            let files = ProcessUse(of: node).openFiles
            let events = RollcallClient.path(topic: cluster.topic, "events")
            let keys = (0..<8).map { "half\($0)" }

            let reading = try await RawClient.connect(keys.count, to: client.baseURL)
            for (half, key) in zip(reading, keys) {
                try await half.send(RawClient.get(events + "?key=\(key)&session=tab&grace=1"))
            }
            for half in reading {
                try await eventually("a stream") { try await half.received.contains("event: presence_state") }
            }
            try await cluster.expectPresent(keys)
            for half in reading { try await half.halfClose() }
            try await cluster.expectLeaves(of: keys, because: "closed", within: .seconds(1 + 2))
            try await expectEnds(of: reading, saying: ["HTTP/1.1 200", "\r\n0\r\n\r\n"])

            // The node finds the request and the end behind it at once.
            let early = try await RawClient.connect(keys.count, to: client.baseURL)
            node.pause()
            for half in early {
                try await half.send(RawClient.get(events + "?key=early&session=tab&grace=0"))
                try await half.halfClose()
            }
            node.resume()
            try await expectEnds(of: early, saying: ["HTTP/1.1 200", "\r\n0\r\n\r\n"])

            let unfinished = try await RawClient.connect(keys.count, to: client.baseURL)
            for half in unfinished {
                try await half.send("GET \(events) HTTP/1.1\r\nHost:")
                try await half.halfClose()
            }
            try await expectEnds(of: unfinished, saying: ["HTTP/1.1 400"])

            let asking = try await RawClient.connect(keys.count, to: client.baseURL)
            for half in asking {
                try await half.send(RawClient.get("/v1/topics"))
                try await half.halfClose()
            }
            try await expectEnds(of: asking, saying: ["HTTP/1.1 200", #"{"topics":["#])

            try await expectNothingLeft(of: cluster, streams: open, files: files)
            try await cluster.expectOneTruth(and: owners.map(\.watcher))
            try cluster.expectNoLeaves(of: owners.map(\.key))
            #expect(cluster.watchersAreOpen && owners.allSatisfy { $0.connections == 1 })
            for half in reading + early + unfinished + asking { await half.close() }
            for owner in owners { await owner.close() }
        }
    }

    /// Every one of them is told this much, and that nothing more comes.
    private func expectEnds(
        of clients: [RawClient], saying words: [String], at place: SourceLocation = #_sourceLocation
    ) async throws {
        for client in clients {
            try await eventually("the end of a connection", line: place.line) { try await client.isEnded }
            let received = try await client.received
            for words in words { #expect(received.contains(words), "\(received)", sourceLocation: place) }
        }
    }

    /// Waits until the streams of clients that are gone have ended, their presences left, and their files are closed.
    private func expectNothingLeft(of cluster: FaultCluster, streams: Double?, files: Int? = nil) async throws {
        try await eventually("the streams as before", timeout: .seconds(20)) {
            try await cluster.clients[0].metric("rollcall_streams_open") == streams
        }
        try await eventually("only the presences of before") {
            try await cluster.redisRoster().keys.allSatisfy { $0.text.hasPrefix("tab") }
        }
        guard let files else { return }
        // A few more for connections that are kept: those that asked for metrics, those to Redis.
        try await eventually("the files as before") {
            ProcessUse(of: cluster.nodes[0]).openFiles.map { $0 <= files + 3 } == true
        }
    }
}
