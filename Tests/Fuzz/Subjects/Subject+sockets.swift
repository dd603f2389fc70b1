// Rollcall · fuzz

import JSONText
import PhoenixSocket
import PresenceModel
import PresenceText
import RandomInput

/// What clients of Phoenix sockets send.
extension Subject {
    private static let alphabet = #""\{}[],:nult0123456789phx_join{}meta"#

    /// Texts of messages: the answer to one that is accepted is JSON with the same refs and topic.
    static let clientMessages = Subject("client-messages") { round in
        var json = RandomJSON(generator: SplitMix(seed: round.random.next()))
        let (topic, payload) = (json.string(), json.object(depth: 2))
        let event = round.random.pick(["phx_join", "phx_leave", "update", "track", "presence", "heartbeat"])
        let version = round.random.pick(SocketVersion.allCases)
        let text =
            version == .v1
            ? #"{"topic":\#(topic),"event":"\#(event)","payload":\#(payload),"ref":"1","join_ref":1}"#
            : #"["1",\#(json.value(depth: 1)),\#(topic),"\#(event)",\#(payload)]"#
        try round.damage(Array(text.utf8), alphabet) { round, bytes in
            guard let message = try? ClientMessage(.text(bytes), version: version) else { return false }
            try check(message, &round)
            return true
        }
    }

    /// Binary messages: written as they were read.
    static let binaryMessages = Subject("binary-messages") { round in
        var message = BinaryMessage(.push)
        message.joinRef = "\(round.random.below(100))"
        message.ref = "\(round.random.below(100))"
        message.topic = round.random.topic().text
        message.event = round.random.pick(["update", "phx_join", ""])
        message.data = (0..<round.random.below(20)).map { _ in UInt8(round.random.below(256)) }
        // A length is one byte.
        guard message.topic.utf8.count < 256 else { return }
        let bytes = written(message)
        try round.damage(bytes, "\u{1}\u{2}\u{3}7") { round, bytes in
            guard let read = try? BinaryMessage(decoding: bytes) else { return false }
            try round.expect(written(read) == bytes, "an accepted message is written differently")
            if let message = try? ClientMessage(.binary(bytes), version: .v2) { try check(message, &round) }
            return true
        }
    }

    /// Parameters and subprotocols: any text is read.
    static let socketParameters = Subject("socket-parameters") { round in
        let query = "vsn=2.0.0&token=\(round.random.below(99))&view=keys&a%5Bb%5D=c&session=s&token=lp_a.b&grace=5&"
        try round.damage(Array(query.utf8), "&=%+_lp.0123456789abcdefABCDEF") { round, bytes in
            let parameters = SocketParameters(query: String(decoding: bytes, as: UTF8.self))
            let (credential, session) = (parameters.credential, parameters.pollToken)
            try round.expect(credential.map { !LongPollToken.isToken($0) } ?? true, "a session is a credential")
            try round.expect(session.map { LongPollToken.isToken($0) } ?? true, "a credential is a session")
            return SocketOptions(parameters) != nil
        }
        try round.damage(Array("phoenix, base64url.bearer.phx.YWJjZGVm".utf8), ", .=+/-_phoenix") { round, bytes in
            let protocols = SocketProtocols([String(decoding: bytes, as: UTF8.self)])
            try round.expect([nil, "phoenix"].contains(protocols.answer), "another protocol is answered")
            return protocols.authToken?.isEmpty == false
        }
    }

    /// Batches of long polls: at most 100 messages, together no longer than the body.
    static let pollBatches = Subject("poll-batches") { round in
        let lines = (0..<round.random.below(120)).map { _ in
            round.random.pick([#"["1","2","t","update",{}]"#, "AAEBAQEwMXRlAQ==", "", "{}"])
        }
        try round.damage(Array(lines.joined(separator: "\n").utf8), "\n\r[{}]=AQ+/-_") { round, bytes in
            guard let batch = try? LongPollBatch(bytes, hasLines: true) else { return false }
            let size = batch.frames.reduce(0) { $0 + $1.bytes.count }
            try round.expect(batch.frames.count <= 100 && size <= bytes.count, "a batch is larger than its body")
            return true
        }
    }

    /// The bytes of a message, as a client writes it.
    private static func written(_ message: BinaryMessage) -> [UInt8] {
        var texts = [message.joinRef, message.ref, message.topic, message.event]
        if message.kind == .userBroadcast { texts.append(message.metadata) }
        var bytes = [message.kind.rawValue]
        for text in texts { bytes.append(UInt8(text.utf8.count)) }
        if message.kind == .userBroadcast { bytes.append(message.encoding) }
        for text in texts { bytes.append(contentsOf: text.utf8) }
        return bytes + message.data
    }

    private static func check(_ message: ClientMessage, _ round: inout Round) throws {
        for version in SocketVersion.allCases {
            let text = ServerMessage.ok(message.refs, topic: message.topic).text(version)
            let answer = try? JSON(parsing: text, maximumDepth: Limits.bodyDepth, isStrict: false)
            let elements = answer?.elements
            let (topic, ref) = (elements?[2] ?? answer?["topic"], elements?[1] ?? answer?["ref"])
            try round.expect(topic?.string?.utf8.elementsEqual(message.topic.utf8) == true, "an answer has no topic")
            try round.expect(ref?.compact == message.refs.ref.json, "an answer has another ref")
        }
        if let join = try? JoinRequest(message, SocketParameters(query: nil), ownKey: nil, limits: Limits()) {
            let text = join.topicPrefix.rawValue + join.topic.text
            try round.expect(text.utf8.elementsEqual(message.topic.utf8), "a join has another topic")
        }
        if case .update(let meta)? = try? PresenceChange(message, limits: Limits()) {
            try round.expect((try? JSON(parsing: meta.json))?.isObject == true, "a meta is no object")
        }
    }
}
