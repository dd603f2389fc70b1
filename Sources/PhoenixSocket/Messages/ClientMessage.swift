// Rollcall · PhoenixSocket

import Basics
package import JSONText
import PresenceModel

/// One whole message of a client, or one for it, as a WebSocket or a long poll carries it.
package enum SocketFrame: Hashable, Sendable {
    case text([UInt8])
    case binary([UInt8])

    package var bytes: [UInt8] {
        switch self {
        case .text(let bytes), .binary(let bytes): bytes
        }
    }
}

/// A message of a client.
package struct ClientMessage: Sendable {
    package enum Payload: Sendable {
        case json(JSON)
        case binary([UInt8])
    }

    /// Bytes of the longest message: a meta of 4 KiB may be escaped.
    package static let maximumBytes = 64 << 10
    /// Bytes of the longest topic, valid or not: an answer repeats it, and escapes may make it longer.
    static let maximumTopicBytes = 1_024

    package let refs: MessageRefs
    /// The topic as the client writes it; any text.
    package let topic: String
    package let event: String
    package let payload: Payload
    /// Bytes of the message, which it keeps in memory.
    package let size: Int

    /// Reads a message.
    ///
    /// - Throws: For a message that is too long, that is no JSON, or that has no topic and event. Faults within the
    ///   payload, such as repeated members, are no faults of the message.
    package init(_ frame: SocketFrame, version: SocketVersion) throws(SocketError) {
        let size = frame.bytes.count
        guard size <= Self.maximumBytes else {
            throw SocketError(.messageTooBig, "A message has at most \(Self.maximumBytes) bytes; this one has \(size).")
        }
        switch (frame, version) {
        case (.text(let text), .v1): try self.init(object: Self.json(text), size: size)
        case (.text(let text), .v2): try self.init(array: Self.json(text), size: size)
        case (.binary(let bytes), .v2): try self.init(binary: bytes)
        case (.binary, .v1):
            throw SocketError(.unsupportedData, "A socket has binary messages from vsn=2.0.0 on.")
        }
    }

    private static func json(_ text: [UInt8]) throws(SocketError) -> JSON {
        do throws(InputError) {
            return try JSON(parsing: text, maximumDepth: Limits.bodyDepth, isStrict: false)
        } catch {
            throw SocketError(.invalidData, "The message is not JSON. \(error.detail)")
        }
    }

    /// `{"topic","event","payload","ref"}`, with `join_ref` if the client knows it.
    private init(object json: JSON, size: Int) throws(SocketError) {
        guard json.isObject else {
            throw SocketError(.invalidData, "A message of vsn=1.0.0 is an object, not \(json.kind).")
        }
        try self.init(
            joinRef: json["join_ref"] ?? .null, ref: json["ref"] ?? .null, topic: json["topic"] ?? .null,
            event: json["event"] ?? .null, payload: json["payload"] ?? .emptyObject, size: size)
    }

    /// `[join_ref, ref, topic, event, payload]`.
    private init(array json: JSON, size: Int) throws(SocketError) {
        guard let parts = json.elements(atMost: 6), parts.count == 5 else {
            throw SocketError(
                .invalidData, "A message of vsn=2.0.0 is an array of join_ref, ref, topic, event and payload.")
        }
        try self.init(
            joinRef: parts[0], ref: parts[1], topic: parts[2], event: parts[3], payload: parts[4], size: size)
    }

    private init(
        joinRef: JSON, ref: JSON, topic: JSON, event: JSON, payload: JSON, size: Int
    ) throws(SocketError) {
        refs = MessageRefs(joinRef: try Self.ref(joinRef, "join_ref"), ref: try Self.ref(ref, "ref"))
        self.topic = try Self.topic(Self.text(topic, "topic"))
        self.event = try Self.text(event, "event")
        self.payload = .json(payload)
        self.size = size
    }

    private init(binary bytes: [UInt8]) throws(SocketError) {
        let message = try BinaryMessage(decoding: bytes)
        refs = MessageRefs(joinRef: MessageRef(text: message.joinRef), ref: MessageRef(text: message.ref))
        topic = message.topic
        // The name that a user gives to a broadcast is no event of the channel.
        event = message.kind == .userBroadcast ? "broadcast" : message.event
        payload = .binary(message.data)
        size = bytes.count
    }

    private static func ref(_ json: JSON, _ name: String) throws(SocketError) -> MessageRef {
        guard let ref = MessageRef(json) else {
            throw SocketError(.invalidData, "The \(name) of a message has at most \(MessageRef.maximumBytes) bytes.")
        }
        return ref
    }

    private static func topic(_ text: String) throws(SocketError) -> String {
        guard text.utf8.count <= maximumTopicBytes else {
            throw SocketError(.invalidData, "The topic of a message has at most \(maximumTopicBytes) bytes.")
        }
        return text
    }

    private static func text(_ json: JSON, _ name: String) throws(SocketError) -> String {
        guard let text = json.string else {
            throw SocketError(.invalidData, "The \(name) of a message is a text, not \(json.kind).")
        }
        return text
    }
}
