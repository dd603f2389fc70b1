// Rollcall · PhoenixSocket

/// A binary message of version 2, as phoenix.js's serializer has it: lengths of a byte each, texts, then data.
///
/// | kind | sent by | header |
/// |---|---|---|
/// | push | client | `0`, join_ref, ref, topic, event |
/// | push | server | `0`, join_ref, topic, event |
/// | reply | server | `1`, join_ref, ref, topic, status |
/// | broadcast | server | `2`, topic, event |
/// | user broadcast, of supabase | client | `3`, join_ref, ref, topic, event, metadata, and the encoding of the data |
package struct BinaryMessage: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        case push = 0
        case reply = 1
        case broadcast = 2
        case userBroadcast = 3
    }

    package enum Sender: Sendable, CaseIterable {
        case client
        case server
    }

    package let kind: Kind
    package var joinRef = ""
    package var ref = ""
    package var topic = ""
    /// The name of the event; of a reply, its status.
    package var event = ""
    /// Of a user broadcast, as is the encoding: JSON, or empty.
    package var metadata = ""
    package var encoding: UInt8 = 0
    package var data: [UInt8] = []

    package init(_ kind: Kind) {
        self.kind = kind
    }

    /// Reads a message.
    ///
    /// - Throws: For another kind, for a message that is shorter than its header announces, and for texts that are no
    ///   UTF-8.
    package init(decoding bytes: [UInt8], from sender: Sender) throws(SocketError) {
        guard let first = bytes.first else { throw .cutShort }
        guard let kind = Kind(rawValue: first), sender == .server || kind == .push || kind == .userBroadcast else {
            throw SocketError(.invalidData, "A binary message of a client has the kind 0 (push) or 3, not \(first).")
        }
        var message = BinaryMessage(kind)
        let fields = Self.fields(of: kind, from: sender)
        var start = 1 + fields.count + (kind == .userBroadcast ? 1 : 0)
        guard bytes.count >= start else { throw .cutShort }
        if kind == .userBroadcast { message.encoding = bytes[1 + fields.count] }
        for (index, field) in fields.enumerated() {
            let end = start + Int(bytes[1 + index])
            guard end <= bytes.count else { throw .cutShort }
            guard let text = String(validating: bytes[start..<end], as: UTF8.self) else {
                throw SocketError(.invalidData, "The \(field.name) of a binary message is UTF-8.")
            }
            message[keyPath: field.path] = text
            start = end
        }
        message.data = Array(bytes[start...])
        self = message
    }

    /// The bytes of the message.
    ///
    /// - Throws: For a text of more than 255 bytes, which a header cannot announce.
    package func encoded(from sender: Sender) throws(SocketError) -> [UInt8] {
        var header = [kind.rawValue]
        var texts: [UInt8] = []
        for field in Self.fields(of: kind, from: sender) {
            let text = self[keyPath: field.path].utf8
            guard let length = UInt8(exactly: text.count) else {
                throw SocketError(
                    .internalError, "The \(field.name) of a binary message has at most 255 bytes, not \(text.count).")
            }
            header.append(length)
            texts.append(contentsOf: text)
        }
        if kind == .userBroadcast { header.append(encoding) }
        return header + texts + data
    }

    private typealias Field = (name: String, path: WritableKeyPath<BinaryMessage, String>)

    /// The fields of a header in their order.
    private static func fields(of kind: Kind, from sender: Sender) -> [Field] {
        let joinRef: Field = ("join_ref", \.joinRef), ref: Field = ("ref", \.ref)
        let topic: Field = ("topic", \.topic), event: Field = ("event", \.event)
        return switch (kind, sender) {
        case (.push, .client): [joinRef, ref, topic, event]
        case (.push, .server): [joinRef, topic, event]
        case (.reply, _): [joinRef, ref, topic, ("status", \.event)]
        case (.broadcast, _): [topic, event]
        case (.userBroadcast, _): [joinRef, ref, topic, event, ("metadata", \.metadata)]
        }
    }
}

extension SocketError {
    fileprivate static let cutShort = SocketError(.invalidData, "A binary message ends before its header does.")
}
