// Rollcall · EndToEndTests

import RandomInput
import TestSupport
import Testing

/// A random sequence of operations on one topic over several nodes, with checks at its end.
///
/// The seed decides all operations.
struct RandomSequence {
    private let seed: UInt64
    private let clients: [RollcallClient]
    private let topic: String
    private var random: SplitMix
    /// The REST presences that should be there.
    private var members: [(key: String, session: String)] = []
    private var bound: [SSEClient] = []
    private var uncut: [SSEClient] = []
    private var cut: [ResumingStream] = []

    init(seed: UInt64, clients: [RollcallClient]) {
        self.seed = seed
        self.clients = clients
        topic = "sequence:\(seed)"
        random = SplitMix(seed: seed)
    }

    func run() async throws {
        var sequence = self
        do {
            try await sequence.play()
        } catch {
            throw NeverHappened(description: "seed \(seed): \(error)")
        }
    }

    private mutating func play() async throws {
        for client in clients {
            uncut.append(try await client.events(path("events")))
            cut.append(ResumingStream(try await client.events(path("events"))))
        }
        for stream in uncut { _ = try await stream.next("presence_state") }
        for step in 0..<30 { try await perform(step) }
        try await agree()
        try await leaveAll()
        try await agree()
        try checkHistories()
        for stream in bound + uncut { await stream.close() }
        for stream in cut { await stream.close() }
    }

    private mutating func perform(_ step: Int) async throws {
        let client = clients[below(clients.count)]
        switch below(10) {
        case 0...2:
            let member = (key: "user\(below(5))", session: "s\(step)")
            let body = #"{"key":"\#(member.key)","session":"\#(member.session)","meta":{"step":\#(step)}}"#
            // A track that was refused for the moment may have happened all the same.
            let status = try await Self.whenTaken { try await client.post(path("presences"), body) }
            #expect(status == 201 || status == 409, "seed \(seed)")
            members.append(member)
        case 3...4:
            guard let member = anyMember() else { return }
            let status = try await Self.whenTaken {
                try await client.patch(path("presences", member.key, member.session), #"{"step":\#(step)}"#)
            }
            #expect(status == 200, "seed \(seed)")
        case 5:
            guard !members.isEmpty else { return }
            let member = members.remove(at: below(members.count))
            let status = try await Self.whenTaken {
                try await client.delete(path("presences", member.key, member.session))
            }
            #expect(status == 204, "seed \(seed)")
        case 6:
            guard let member = anyMember() else { return }
            let status = try await Self.whenTaken {
                try await client.post(path("presences", member.key, member.session, "heartbeat"))
            }
            #expect(status == 200, "seed \(seed)")
        case 7:
            let query = "?key=user\(below(5))&session=b\(step)&grace=0"
            let stream = try await client.events(path("events") + query)
            _ = try await stream.next("presence_state")
            bound.append(stream)
        case 8:
            guard !bound.isEmpty else { return }
            await bound.remove(at: below(bound.count)).close()
        default:
            let index = below(cut.count)
            try await cut[index].resume(on: client, path("events"))
        }
    }

    /// Repeats a request while the node answers 503, as its clients do on a machine that stands still for seconds.
    static func whenTaken(_ request: () async throws -> RollcallClient.Response) async throws -> Int {
        var status = 503
        try await eventually("an answer other than 503") {
            status = try await request().status
            return status != 503
        }
        return status
    }

    /// Waits until every stream and every node's list show the same roster.
    private func agree() async throws {
        var last = "nothing"
        try await eventually("agreement; \(last)") {
            var rosters: [[ExactName: Set<JSONValue>]] = []
            for client in clients {
                let list = try await client.get(path("presences")).json
                rosters.append(try FoldedPresence(of: try #require(list["presences"])).roster.mapValues(Self.unlinked))
            }
            for stream in uncut { rosters.append(try Self.fold(stream.events).mapValues(Self.unlinked)) }
            for stream in cut { rosters.append(try Self.fold(stream.events).mapValues(Self.unlinked)) }
            last = rosters.map { "\($0)" }.joined(separator: "\n")
            return rosters.allSatisfy { $0 == rosters[0] }
        }
    }

    private mutating func leaveAll() async throws {
        for member in members {
            let client = clients[below(clients.count)]
            _ = try await Self.whenTaken { try await client.delete(path("presences", member.key, member.session)) }
        }
        members = []
        for stream in bound { await stream.close() }
        bound = []
        try await eventually("an empty topic") {
            try await clients[0].get(path("presences")).json["presences"]?.object?.isEmpty == true
        }
    }

    /// In a stream that was never cut each ref joins once and leaves once, and in that order.
    private func checkHistories() throws {
        for stream in uncut {
            var joined: Set<String> = []
            var left: Set<String> = []
            for event in stream.events where event.name == "presence_diff" {
                for ref in try Self.refs(event.json["joins"]) {
                    #expect(joined.insert(ref).inserted, "\(ref) joined twice, seed \(seed)")
                }
                for ref in try Self.refs(event.json["leaves"]) {
                    #expect(joined.contains(ref), "\(ref) left before it joined, seed \(seed)")
                    #expect(left.insert(ref).inserted, "\(ref) left twice, seed \(seed)")
                }
            }
            #expect(joined == left, "seed \(seed)")
        }
    }

    static func fold(_ events: [SSEEvent]) throws -> [ExactName: Set<JSONValue>] {
        var folded = FoldedPresence()
        for event in events { try folded.receive(event) }
        return folded.roster
    }

    /// Metas without `phx_ref_prev`, which in a coalesced diff names the last version that was shown.
    static func unlinked(_ metas: Set<JSONValue>) -> Set<JSONValue> {
        Set(
            metas.map { meta in
                guard var members = meta.object else { return meta }
                members["phx_ref_prev"] = nil
                return .object(members)
            })
    }

    private static func refs(_ half: JSONValue?) -> [String] {
        (half?.object?.values ?? [:].values).flatMap { entry in
            (entry["metas"]?.array ?? []).compactMap { $0["phx_ref"]?.string }
        }
    }

    private func path(_ rest: String...) -> String {
        (["/v1/topics", RollcallClient.encoded(topic)] + rest).joined(separator: "/")
    }

    private mutating func anyMember() -> (key: String, session: String)? {
        members.isEmpty ? nil : members[below(members.count)]
    }

    private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
}
