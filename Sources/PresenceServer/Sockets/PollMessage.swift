// Rollcall · PresenceServer

import NIOCore

/// A message between two nodes about a long poll: a request that came to another node than that of its session.
///
/// In Redis it is a version, the kind, the id, two texts and a body with their lengths, and a number.
struct PollMessage: Equatable, Sendable {
    enum Kind: UInt8, Sendable, CaseIterable {
        /// Wait for messages; the answer has a JSON body.
        case poll = 1
        /// Take the messages in the body; `number` is 1 if each line is one.
        case batch = 2
        /// The answer; `number` is the status in its JSON.
        case answer = 3
        /// The client has taken an answer, if `number` is 1.
        case ended = 4
    }

    static let version: UInt8 = 1
    /// Bytes of the longest text; the names of nodes, sessions and callers are shorter.
    private static let maximumText = 4_096

    let kind: Kind
    /// Chosen by the sender of the request; its answer has the same one.
    let id: UInt64
    /// The node that sends it.
    let from: String
    /// The name of the session, and its owner, as the text of a ``LongPollName``.
    let session: String
    let number: UInt32
    let body: [UInt8]

    var bytes: [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeInteger(Self.version)
        buffer.writeInteger(kind.rawValue)
        buffer.writeInteger(id)
        buffer.writeInteger(number)
        for part in [Array(from.utf8), Array(session.utf8), body] {
            buffer.writeInteger(UInt32(part.count))
            buffer.writeBytes(part)
        }
        return Array(buffer.readableBytesView)
    }

    init(_ kind: Kind, id: UInt64, from: String, session: String, number: UInt32 = 0, body: [UInt8] = []) {
        self.kind = kind
        self.id = id
        self.from = from
        self.session = session
        self.number = number
        self.body = body
    }

    /// Returns nil for bytes of another form or version.
    init?(_ bytes: ByteBuffer) {
        var rest = bytes
        guard rest.readInteger(as: UInt8.self) == Self.version,
            let kind = rest.readInteger(as: UInt8.self).flatMap({ Kind(rawValue: $0) }),
            let id = rest.readInteger(as: UInt64.self), let number = rest.readInteger(as: UInt32.self),
            let from = Self.text(&rest), let session = Self.text(&rest), let body = Self.part(&rest),
            rest.readableBytes == 0
        else { return nil }
        self.init(kind, id: id, from: from, session: session, number: number, body: body)
    }

    private static func part(_ rest: inout ByteBuffer) -> [UInt8]? {
        guard let length = rest.readInteger(as: UInt32.self) else { return nil }
        return rest.readBytes(length: Int(length))
    }

    private static func text(_ rest: inout ByteBuffer) -> String? {
        guard let part = part(&rest), part.count <= maximumText else { return nil }
        return String(validating: part, as: UTF8.self)
    }
}
