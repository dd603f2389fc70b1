// Rollcall · PhoenixSocket

/// A binary message of a client, in version 2: lengths of a byte each, texts, then data.
///
/// A node sends none.
///
/// | kind | header |
/// |---|---|
/// | push | `0`, join_ref, ref, topic, event |
/// | user broadcast, of supabase | `3`, join_ref, ref, topic, event, metadata, and the encoding of the data |
package struct BinaryMessage: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        case push = 0
        case userBroadcast = 3
    }

    package let kind: Kind
    package var joinRef = ""
    package var ref = ""
    package var topic = ""
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
    package init(decoding bytes: [UInt8]) throws(SocketError) {
        guard let first = bytes.first else { throw .cutShort }
        guard let kind = Kind(rawValue: first) else {
            throw SocketError(.invalidData, "A binary message of a client has the kind 0 (push) or 3, not \(first).")
        }
        var message = BinaryMessage(kind)
        let fields = Self.fields(of: kind)
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

    private typealias Field = (name: String, path: WritableKeyPath<BinaryMessage, String>)

    /// The fields of a header in their order.
    private static func fields(of kind: Kind) -> [Field] {
        let joinRef: Field = ("join_ref", \.joinRef), ref: Field = ("ref", \.ref)
        let topic: Field = ("topic", \.topic), event: Field = ("event", \.event)
        return switch kind {
        case .push: [joinRef, ref, topic, event]
        case .userBroadcast: [joinRef, ref, topic, event, ("metadata", \.metadata)]
        }
    }
}

extension SocketError {
    fileprivate static let cutShort = SocketError(.invalidData, "A binary message ends before its header does.")
}
