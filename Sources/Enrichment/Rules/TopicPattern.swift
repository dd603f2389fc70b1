// Rollcall · Enrichment

package import PresenceModel

/// A pattern for the topics to which a rule applies, such as `room:*`.
///
/// `*` matches any run of bytes, also an empty one; every other byte matches itself.
package struct TopicPattern: Sendable, Hashable, CustomStringConvertible {
    /// The pattern as the settings have it.
    package let text: String

    /// Takes a pattern of 1 to 256 bytes; nil for any other, because no topic is longer.
    package init?(_ text: String) {
        guard (1...256).contains(text.utf8.count) else { return nil }
        self.text = text
    }

    private init(checked text: String) { self.text = text }

    /// Matches every topic.
    package static let all = TopicPattern(checked: "*")

    package var description: String { text }

    /// Compares bytes: to `String` a composed and a decomposed `ü` are one text.
    package static func == (left: TopicPattern, right: TopicPattern) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }

    /// Whether the pattern matches the bytes of a topic; takes time up to the product of both lengths.
    package func matches(_ topic: Topic) -> Bool {
        var (pattern, rest) = (Substring(text).utf8, Substring(topic.text).utf8)
        // Where to retry after a mismatch: behind the last star, one byte further in the topic.
        // An earlier star never needs more bytes, because the last star can match them.
        var retry: (pattern: Substring.UTF8View, rest: Substring.UTF8View)?
        while true {
            if pattern.first == UInt8(ascii: "*") {
                pattern.removeFirst()
                if pattern.isEmpty { return true }
                retry = (pattern, rest)
            } else if let byte = rest.first, byte == pattern.first {
                pattern.removeFirst()
                rest.removeFirst()
            } else if pattern.isEmpty, rest.isEmpty {
                return true
            } else if let (afterStar, from) = retry, !from.isEmpty {
                retry = (afterStar, from.dropFirst())
                (pattern, rest) = (afterStar, from.dropFirst())
            } else {
                return false
            }
        }
    }
}
