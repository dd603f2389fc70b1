// Rollcall · PhoenixSocket

package import JSONText

/// `ref` or `join_ref` of a message: chosen by the client, and kept as the JSON text that it sent.
///
/// Answers repeat it byte for byte, because some clients send numbers and compare strictly. Two refs are equal if their
/// texts are: `"3"` and `3` differ.
package struct MessageRef: Hashable, Sendable, CustomStringConvertible {
    /// Bytes of the longest ref; a socket keeps one for each of its channels.
    package static let maximumBytes = 255

    package static let null = MessageRef(json: Array("null".utf8))

    /// The JSON text, without insignificant white space.
    package let json: [UInt8]

    /// Nil for a value with a text of more than ``maximumBytes``.
    package init?(_ value: JSON) {
        let text = value.compact
        guard text.count <= Self.maximumBytes else { return nil }
        self.init(json: text)
    }

    /// The ref of a binary message, in which an empty text stands for null.
    package init(text: String) {
        guard !text.isEmpty else {
            self = .null
            return
        }
        var json: [UInt8] = []
        json.append(jsonString: text)
        self.init(json: json)
    }

    private init(json: [UInt8]) {
        self.json = json
    }

    package var isNull: Bool { self == .null }

    package var description: String { String(decoding: json, as: UTF8.self) }
}

/// The two refs of one message, which its answer repeats.
package struct MessageRefs: Hashable, Sendable {
    package let joinRef: MessageRef
    package let ref: MessageRef

    package init(joinRef: MessageRef, ref: MessageRef) {
        self.joinRef = joinRef
        self.ref = ref
    }
}
