// Rollcall · PresenceServer

/// Reads header field values that are lists of tokens (RFC 9110 §5.6.1), without copies.
enum FieldText {
    /// Whether two ASCII texts are equal without regard to case; `lowercase` has no capitals.
    static func isEqual(_ text: some Sequence<UInt8>, _ lowercase: StaticString) -> Bool {
        lowercase.withUTF8Buffer { expected in
            var index = 0
            for byte in text {
                guard index < expected.count else { return false }
                let isCapital = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                guard (isCapital ? byte | 0x20 : byte) == expected[index] else { return false }
                index += 1
            }
            return index == expected.count
        }
    }

    /// Calls `body` with each member of a comma-separated list, without white space around it; skips empty members.
    static func forEachMember(of value: String, _ body: (Substring.UTF8View) -> Void) {
        for part in value.utf8.split(separator: UInt8(ascii: ",")) {
            let member = Substring(trimmed(part)).utf8
            if !member.isEmpty { body(member) }
        }
    }

    /// Removes spaces and tabs at both ends.
    private static func trimmed(_ text: Substring.UTF8View) -> Substring.UTF8View {
        var text = text
        while let first = text.first, first == 0x20 || first == 0x09 { text.removeFirst() }
        while let last = text.last, last == 0x20 || last == 0x09 { text.removeLast() }
        return text
    }

    /// Whether a text is a token, such as a method or the name of a field (RFC 9110 §5.6.2).
    static func isToken(_ text: some Collection<UInt8>) -> Bool {
        !text.isEmpty && text.allSatisfy(isTokenByte)
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
