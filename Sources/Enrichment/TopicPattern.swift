// Rollcall · Enrichment

/// Says on which topics something holds: `room:*`.
///
/// `*` stands for any run of characters, none included; everything else stands for itself, byte by byte.
package struct TopicPattern: Sendable, Hashable, CustomStringConvertible {
    package let text: String

    /// Takes a pattern of 1 to 256 bytes; nil for anything else, since no topic is longer.
    package init?(_ text: String) {
        guard (1...256).contains(text.utf8.count) else { return nil }
        self.text = text
    }

    private init(checked text: String) {
        self.text = text
    }

    /// Matches every topic.
    package static let all = TopicPattern(checked: "*")

    package var description: String { text }

    /// Patterns are the same when their bytes are; to `String` a composed and a decomposed `ü` are one text.
    package static func == (left: TopicPattern, right: TopicPattern) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}
