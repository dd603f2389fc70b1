// Rollcall · JSONText

/// Walks over a text that ``JSONParser`` has checked; it looks for no faults.
struct JSONWalker {
    let bytes: UnsafeBufferPointer<UInt8>
    var position = 0

    var isAtEnd: Bool { position == bytes.count }

    /// The next byte; the text must not be at its end.
    var next: UInt8 { bytes[position] }

    /// Skips white space; returns whether anything follows.
    @discardableResult
    mutating func skipSpace() -> Bool {
        while !isAtEnd, JSONWalker.isSpace(next) { position += 1 }
        return !isAtEnd
    }

    /// Skips the string that begins here; returns whether it has escapes.
    @discardableResult
    mutating func skipString() -> Bool {
        let raw = UnsafeRawBufferPointer(bytes)
        var hasEscapes = false
        position += 1
        while true {
            while position + 8 <= bytes.count,
                !Self.endsPlain(raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            {
                position += 8
            }
            switch next {
            case UInt8(ascii: "\""):
                position += 1
                return hasEscapes
            case UInt8(ascii: "\\"):
                hasEscapes = true
                position += 2
            default:
                position += 1
            }
        }
    }

    /// Skips the value that begins here, at any depth.
    mutating func skipValue() {
        switch next {
        case UInt8(ascii: "\""):
            skipString()
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            var depth = 0
            repeat {
                switch next {
                case UInt8(ascii: "\""):
                    skipString()
                    continue
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
                default: break
                }
                position += 1
            } while depth > 0
        default:
            while !isAtEnd, !Self.endsScalar(next) { position += 1 }
        }
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    private static func endsScalar(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") || isSpace(byte)
    }

    /// Whether any of eight bytes may be a quote or a backslash; true for some words that have none.
    private static func endsPlain(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        // x − 0x01… borrows into a byte's top bit where the byte was 0, and into a few others.
        let quotes = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
        let backslashes = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
        return (((quotes &- ones) & ~quotes) | ((backslashes &- ones) & ~backslashes)) & (ones &* 0x80) != 0
    }
}
