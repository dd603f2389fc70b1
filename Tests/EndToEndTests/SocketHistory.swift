// Rollcall · EndToEndTests

import RandomInput
import TestSupport
import Testing

/// A random history of one topic over several nodes: sockets of both versions, long polls, streams and requests.
///
/// The seed decides all operations. At the end every client that is left has the roster of the lists.
struct SocketHistory {
    /// How often nodes encode the diffs of histories: once for each diff at least, and at most once for each form that
    /// a client of the node ever had.
    struct Encodings: Sendable {
        var least = 0
        var most = 0

        mutating func add(_ other: Encodings) {
            least += other.least
            most += other.most
        }
    }

    private let seed: UInt64
    private let clients: [RollcallClient]
    private let topic: String
    private var random: SplitMix
    private var sockets: [PhoenixClient] = []
    private var polls: [LongPollClient] = []
    /// One for each node, never cut.
    private var streams: [SSEClient] = []
    /// One for each node at first, which resumes at any node.
    private var cut: [ResumingStream] = []
    /// Streams that are presences.
    private var bound: [SSEClient] = []
    /// Sessions that were tracked by requests.
    private var sessions: [String] = []
    /// The forms of diffs that clients of each node have had, by its address.
    private var forms: [String: Set<String>] = [:]

    init(seed: UInt64, clients: [RollcallClient]) {
        self.seed = seed
        self.clients = clients
        topic = "history:\(seed)"
        random = SplitMix(seed: seed)
    }

    func run() async throws -> Encodings {
        var history = self
        do {
            return try await history.play()
        } catch {
            throw NeverHappened(description: "seed \(seed): \(error)")
        }
    }

    private mutating func play() async throws -> Encodings {
        for client in clients {
            streams.append(try await client.events(events))
            cut.append(ResumingStream(try await client.events(events)))
            try await openSocket(at: client, key: nil)
        }
        for step in 0..<25 { try await perform(step) }
        try await agree()
        try await leaveAll()
        try await agree()
        let encodings = countEncodings()
        for socket in sockets { await socket.socket.drop() }
        for poll in polls { await poll.close() }
        for stream in streams { await stream.close() }
        for stream in cut { await stream.close() }
        return encodings
    }

    private func countEncodings() -> Encodings {
        var encodings = Encodings()
        for (client, stream) in zip(clients, streams) {
            let diffs = stream.events.count { $0.name == "presence_diff" }
            encodings.least += diffs
            // That of streams is one more.
            encodings.most += diffs * (1 + (forms[client.baseURL]?.count ?? 0))
        }
        return encodings
    }

    private mutating func perform(_ step: Int) async throws {
        let client = random.pick(clients)
        let key = "user\(random.below(4))"
        switch random.below(13) {
        case 0...2: try await openSocket(at: client, key: key)
        case 3...4:
            guard let socket = anySocket() else { return }
            _ = try await socket.push("update", #"{"meta":{"step":\#(step)}}"#, on: topic)
        case 5:
            guard let index = anyIndex() else { return }
            await sockets.remove(at: index).socket.drop()
        case 6:
            guard let index = anyIndex() else { return }
            try await sockets.remove(at: index).socket.close()
        case 7:
            guard let socket = anySocket() else { return }
            try await socket.push("phx_leave", on: topic)
            try await join(socket, key: key)
        case 8:
            let body = #"{"key":"\#(key)","session":"s\#(step)","meta":{"step":\#(step)}}"#
            let status = try await RandomSequence.whenTaken { try await client.post(presences, body) }
            #expect(status == 201 || status == 409, "seed \(seed)")
            sessions.append("/\(key)/s\(step)")
        case 9:
            guard !sessions.isEmpty else { return }
            let session = sessions.remove(at: random.below(sessions.count))
            _ = try await RandomSequence.whenTaken { try await client.delete(presences + session) }
        case 10:
            if bound.isEmpty {
                bound.append(try await client.events(events + "?key=\(key)&grace=0"))
            } else {
                await bound.removeFirst().close()
            }
        case 11:
            // The second one observes, so that no presence is left when it is cut.
            guard polls.count < 2 else { return await polls.removeLast().close() }
            try await openPoll(at: client, key: polls.isEmpty ? key : nil)
        default:
            let index = random.below(cut.count)
            try await cut[index].resume(on: client, events)
        }
    }

    private mutating func openPoll(at client: RollcallClient, key: String?) async throws {
        let poll = try await LongPollClient.open(at: [client] + clients)
        poll.keepPolling()
        let join = try await poll.send(("phx_join", payload(of: key)), on: topic)
        #expect(try await poll.answer(to: join[0]).status == "ok", "seed \(seed)")
        polls.append(poll)
        note(.v2, "", at: client)
    }

    private mutating func note(_ version: PhoenixClient.Version, _ options: String, at client: RollcallClient) {
        forms[client.baseURL, default: []].insert("\(version) \(options)")
    }

    private mutating func openSocket(at client: RollcallClient, key: String?) async throws {
        let options = random.pick(["", "diffs=each", "join_ref=always", "reasons=true"])
        let version = random.pick(PhoenixClient.Version.allCases)
        let socket = try await PhoenixClient.connect(client.baseURL, version, options)
        note(version, options, at: client)
        try await join(socket, key: key)
        sockets.append(socket)
    }

    /// Joins, also if Redis does not answer for a moment; a client without a key observes.
    private func join(_ socket: PhoenixClient, key: String?) async throws {
        try await eventually("a join") { try await socket.join(topic, payload(of: key)).status == "ok" }
    }

    private func payload(of key: String?) -> String { key.map { #"{"name":"\#($0)"}"# } ?? "{}" }

    /// One of the sockets that are presences; the first ones only observe.
    private mutating func anyIndex() -> Int? {
        let observers = clients.count
        return sockets.count > observers ? observers + random.below(sockets.count - observers) : nil
    }

    private mutating func anySocket() -> PhoenixClient? { anyIndex().map { sockets[$0] } }

    /// Waits until every client and every node's list have the same roster.
    private func agree() async throws {
        var last = "nothing"
        try await eventually("agreement; \(last)") {
            var rosters: [[ExactName: Set<JSONValue>]] = []
            for client in clients {
                let list = try await client.get(presences).json
                rosters.append(try FoldedPresence(of: try #require(list["presences"])).roster)
            }
            for stream in streams { rosters.append(try RandomSequence.fold(stream.events)) }
            for stream in cut { rosters.append(try RandomSequence.fold(stream.events)) }
            for socket in sockets { rosters.append(try socket.roster(of: topic).roster) }
            for poll in polls { rosters.append(try poll.roster(of: topic).roster) }
            rosters = rosters.map { $0.mapValues(RandomSequence.unlinked) }
            last = rosters.map { "\($0)" }.joined(separator: "\n")
            return rosters.allSatisfy { $0 == rosters[0] }
        }
    }

    private mutating func leaveAll() async throws {
        for socket in sockets { try await socket.push("phx_leave", on: topic) }
        for poll in polls { try await poll.send(("phx_leave", "{}"), on: topic) }
        for session in sessions {
            _ = try await RandomSequence.whenTaken { try await clients[0].delete(presences + session) }
        }
        for stream in bound { await stream.close() }
        try await eventually("an empty topic") {
            try await clients[0].get(presences).json["presences"]?.object?.isEmpty == true
        }
        // A client that has left gets no diffs. The others, which join again as observers, see the empty topic.
        for socket in sockets { try await join(socket, key: nil) }
        for poll in polls { await poll.close() }
        polls = []
    }

    private var events: String { RollcallClient.path(topic: topic, "events") }
    private var presences: String { RollcallClient.path(topic: topic, "presences") }
}
