// Rollcall · FaultTests

import TestSupport
import Testing

/// Clients that do not read, close their direction, or drop their connections.
@Suite("Clients that fail")
struct ClientFaultTests {
    @Test func `Clients that never read are closed in time, cost bounded memory, and delay no other client`()
        async throws
    {
        let age = 3 * patience
        let settings = ["ROLLCALL_STUCK_READER_AGE": "\(age)", "ROLLCALL_SLOW_READER_BYTES": "65536"]
        try await FaultCluster.with(settings: settings) { cluster in
            let client = cluster.clients[0]
            let tabs = try await cluster.streamClients(2)
            let flood = RollcallClient.path(topic: "flood", "events")
            // It reads a small view, so that the test itself is not slow.
            let reading = try await client.events(flood + "?view=keys")
            _ = try await reading.next("presence_state")
            // First without stuck readers, so that `before` includes the memory that all readers share.
            let before = try await pour(10, seenBy: reading, cluster)

            var readers: [StalledReader] = []
            let stuck = (0..<10).map { "stuck\($0)" }
            for key in stuck {
                let path = flood + "?key=\(key)&session=tab&grace=0"
                readers.append(try await StalledReader.open(client.baseURL, sending: get(path)))
            }
            // Streams of many topics share no frame: each has its own waiting bytes.
            for number in 0..<40 {
                let path = "/v1/events?topic=flood&topic=other\(number)"
                readers.append(try await StalledReader.open(client.baseURL, sending: get(path)))
            }
            let list = RollcallClient.path(topic: "flood", "presences") + "?view=keys"
            try await eventually("the presences of the stuck readers") {
                let answer = try await client.get(list).json
                return stuck.allSatisfy { answer["presences"]?[$0] != nil }
            }
            let after = try await pour(40, seenBy: reading, cluster)
            #expect(after.slowest < .seconds(2) * patience, "others waited for \(after.slowest)")
            // The node or the kernel finds the stuck reader first. If the kernel refuses a write, the node sees only
            // that the connection is gone.
            let reasons = ["unread", "client_gone"].map { #"rollcall_streams_ended_total{reason="\#($0)"}"# }
            var ended = 0.0
            try await eventually("the end of all streams but \(ended)", timeout: .seconds(2 * age + 2)) {
                ended = 0
                for reason in reasons { ended += try await client.metric(reason) ?? 0 }
                return ended == Double(readers.count)
            }
            try await eventually("the end of their presences") {
                let answer = try await cluster.clients[1].get(list).json
                return stuck.allSatisfy { answer["presences"]?[$0] == nil }
            }
            if let before = before.memory, let after = after.memory {
                #expect(after - before < 30, "\(before) MiB before, \(after) MiB after")
            }
            #expect(reading.end == nil && cluster.watchersAreOpen && tabs.allSatisfy { $0.connections == 1 })
            try await cluster.expectOneTruth(and: tabs.map(\.watcher))
            try cluster.expectNoLeaves(of: tabs.map(\.key))
            for reader in readers { await reader.close() }
            await reading.close()
            for tab in tabs { await tab.close() }
        }
    }

    @Test
    func `Requests behind a request for a stream are neither executed nor answered, and the stream goes on`()
        async throws
    {
        try await FaultCluster.with { cluster in
            let client = cluster.clients[0]
            let presences = RollcallClient.path(topic: "talk", "presences")
            let talking = try await RawClient.connect(to: client.baseURL)
            let body = #"{"key":"piped"}"#
            let track = """
                POST \(presences) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: \(body.utf8.count)\r\n\r\n\(body)
                """
            try await talking.send(get(RollcallClient.path(topic: "talk", "events")) + track)
            try await eventually("a stream") { try await talking.received.contains("event: presence_state") }
            try await talking.send(track + String(repeating: "x", count: 100_000))

            #expect(try await client.post(presences, #"{"key":"bob"}"#).status == 201)
            try await eventually("bob") { try await talking.received.contains(#""joins":{"bob""#) }
            #expect(try await client.get(presences).json["presences"]?.object?.count == 1)
            let received = try await talking.received
            #expect(!received.contains("piped") && received.ranges(of: "HTTP/1.1 ").count == 1)
            await talking.close()
        }
    }

    @Test
    func `Clients that close their direction get their answers, and their streams and connections end`()
        async throws
    {
        try await FaultCluster.with { cluster in
            let (node, client) = (cluster.nodes[0], cluster.clients[0])
            let tabs = try await cluster.streamClients(2)
            let open = try await client.metric("rollcall_streams_open")
            let files = ProcessUse(of: node).openFiles
            let events = RollcallClient.path(topic: cluster.topic, "events")
            let keys = (0..<8).map { "half\($0)" }

            let reading = try await RawClient.connect(keys.count, to: client.baseURL)
            for (half, key) in zip(reading, keys) {
                try await half.send(get(events + "?key=\(key)&session=tab&grace=1"))
            }
            for half in reading {
                try await eventually("a stream") { try await half.received.contains("event: presence_state") }
            }
            try await cluster.expectPresent(keys)
            for half in reading { try await half.halfClose() }
            try await cluster.expectLeaves(of: keys, because: "closed", within: .seconds(1 + 2))
            try await expectEnds(of: reading, containing: ["HTTP/1.1 200", "\r\n0\r\n\r\n"])

            // The node finds the request and the end behind it at once.
            let early = try await RawClient.connect(keys.count, to: client.baseURL)
            node.pause()
            for half in early {
                try await half.send(get(events + "?key=early&session=tab&grace=0"))
                try await half.halfClose()
            }
            node.resume()
            try await expectEnds(of: early, containing: ["HTTP/1.1 200", "\r\n0\r\n\r\n"])

            let unfinished = try await RawClient.connect(keys.count, to: client.baseURL)
            for half in unfinished {
                try await half.send("GET \(events) HTTP/1.1\r\nHost:")
                try await half.halfClose()
            }
            try await expectEnds(of: unfinished, containing: ["HTTP/1.1 400"])

            let asking = try await RawClient.connect(keys.count, to: client.baseURL)
            for half in asking {
                try await half.send(get("/v1/topics"))
                try await half.halfClose()
            }
            try await expectEnds(of: asking, containing: ["HTTP/1.1 200", #"{"topics":["#])

            try await expectNothingLeft(of: cluster, streams: open, files: files)
            try await cluster.expectOneTruth(and: tabs.map(\.watcher))
            try cluster.expectNoLeaves(of: tabs.map(\.key))
            #expect(cluster.watchersAreOpen && tabs.allSatisfy { $0.connections == 1 })
            for half in reading + early + unfinished + asking { await half.close() }
            for tab in tabs { await tab.close() }
        }
    }

    @Test func `20,000 dropped connections leave no stream, file, memory or presence behind`()
        async throws
    {
        try await FaultCluster.with { cluster in
            let (node, client) = (cluster.nodes[0], cluster.clients[0])
            let tabs = try await cluster.streamClients(2)
            let open = try await client.metric("rollcall_streams_open")
            // Some first, so that `before` includes the memory that the node keeps for any number of them.
            try await drop(2_000, at: cluster)
            try await expectNothingLeft(of: cluster, streams: open)
            let before = ProcessUse(of: node)
            for _ in 0..<9 {
                try await drop(2_000, at: cluster)
                try await expectNothingLeft(of: cluster, streams: open, files: before.openFiles)
            }
            let after = ProcessUse(of: node)
            if let before = before.memory, let after = after.memory {
                #expect(after - before < 30, "\(before) MiB before, \(after) MiB after")
            }
            #expect(try await client.get("/readyz").status == 200)
            try await cluster.expectOneTruth(and: tabs.map(\.watcher))
            try cluster.expectNoLeaves(of: tabs.map(\.key))
            #expect(cluster.watchersAreOpen && tabs.allSatisfy { $0.connections == 1 })
            for tab in tabs { await tab.close() }
        }
    }

    /// The worst values of several rounds of changes.
    private struct Flood {
        /// The longest time until a change arrived.
        var slowest = Duration.zero
        /// The memory of the node, in MiB.
        var memory: Int?
    }

    /// Changes thirty large presences of one topic and a small one of another, again and again.
    ///
    /// Each round waits until `reading` has the changes of the large ones, and the watchers that of the small one.
    private func pour(_ rounds: Int, seenBy reading: SSEClient, _ cluster: FaultCluster) async throws -> Flood {
        var flood = Flood()
        let filling = String(repeating: "x", count: 3900)
        let small = #"{"op":"put","topic":"\#(cluster.topic)","key":"small","session":"s","ttl":60,"meta":"#
        let large = #"{"op":"put","topic":"flood","session":"s","ttl":60,"meta":{"x":"\#(filling)","n":"#
        for _ in 0..<rounds {
            let number = UInt32.random(in: 0 ... .max)
            let operations =
                (0..<30).map { large + #"\#(number)},"key":"big\#($0)"}"# } + [small + #"{"n":\#(number)}}"#]
            let seen = cluster.watchers.map { $0.events().count } + [reading.events.count]
            let start = ContinuousClock.now
            let body = #"{"operations":[\#(operations.joined(separator: ","))]}"#
            #expect(try await cluster.clients[1].post("/v1/batch", body).status == 200)
            try await eventually("the change at all readers") {
                let now = cluster.watchers.map { $0.events().count } + [reading.events.count]
                return zip(now, seen).allSatisfy { $0 > $1 }
            }
            flood.slowest = max(flood.slowest, ContinuousClock.now - start)
            if let memory = ProcessUse(of: cluster.nodes[0]).memory { flood.memory = max(flood.memory ?? 0, memory) }
        }
        return flood
    }

    /// Connects and drops: before the first byte, in the middle of a request, behind one, or in a stream.
    private func drop(_ count: Int, at cluster: FaultCluster) async throws {
        let path = RollcallClient.path(topic: cluster.topic, "events")
        try await DroppedConnections.make(count, to: cluster.clients[0].baseURL) { number in
            let words =
                switch number % 10 {
                case 0...2: ""
                case 3...5: "GET \(path) HTT"
                case 6: get(path + "?key=dropped\(number)&grace=0")
                default: get(path)
                }
            return DroppedConnections.Manners(words: words, waits: number % 10 == 9, resets: number / 10 % 2 == 0)
        }
    }

    /// A request of a backend, as text.
    private func get(_ path: String) -> String { RawClient.get(path, with: FaultAccess.backend) }

    /// Waits until each connection has ended, and expects that it received these texts.
    private func expectEnds(
        of clients: [RawClient], containing texts: [String], at place: SourceLocation = #_sourceLocation
    ) async throws {
        for client in clients {
            try await eventually("the end of a connection", line: place.line) { try await client.isEnded }
            let received = try await client.received
            for text in texts { #expect(received.contains(text), "\(received)", sourceLocation: place) }
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
        try await ProcessUse.awaitFiles(files, of: cluster.nodes[0])
    }
}
