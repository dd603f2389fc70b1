// Rollcall · Presence

/// Reads one JSON text by recursive descent; the depth limit bounds the recursion.
struct JSONParser {
    /// The text, of which values keep slices.
    let source: [UInt8]
    /// The same bytes without bounds to look up at each; valid for as long as the parser.
    let bytes: UnsafeBufferPointer<UInt8>
    let maximumDepth: Int
    let location: PresenceError.Location

    private var position = 0
    private var depth = 0
    /// Whether some object has a member twice; only then is it worth a walk to find out where.
    private(set) var hasDuplicates = false

    init(
        source: [UInt8], bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int, location: PresenceError.Location
    ) {
        self.maximumDepth = maximumDepth
        self.source = source
        self.bytes = bytes
        self.location = location
    }

    mutating func document() throws(PresenceError) -> JSON {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw malformed("the text starts with a byte order mark; leave it out")
        }
        let value = try value()
        _ = skipSpace()
        guard isAtEnd else { throw expected("the end of the text") }
        return value
    }
}

extension JSONParser {
    private mutating func value() throws(PresenceError) -> JSON {
        switch skipSpace() {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: throw expected("a value")
        }
    }

    private mutating func object() throws(PresenceError) -> JSON {
        try open()
        var members: [JSON.Member] = []
        if skipSpace() == UInt8(ascii: "}") {
            close()
            return .object(members)
        }
        members.reserveCapacity(8)
        while true {
            guard skipSpace() == UInt8(ascii: "\"") else { throw expected("a member's name in double quotes") }
            let name = try string()
            guard skipSpace() == UInt8(ascii: ":") else { throw expected("a colon after the member's name") }
            position += 1
            members.append(JSON.Member(name: name, value: try value()))
            switch skipSpace() {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "}"):
                close()
                if !hasDuplicates { hasDuplicates = JSON.firstDuplicate(in: members) != nil }
                return .object(members)
            default: throw expected("a comma or the object's closing brace")
            }
        }
    }

    private mutating func array() throws(PresenceError) -> JSON {
        try open()
        var elements: [JSON] = []
        if skipSpace() == UInt8(ascii: "]") {
            close()
            return .array(elements)
        }
        while true {
            elements.append(try value())
            switch skipSpace() {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "]"):
                close()
                return .array(elements)
            default: throw expected("a comma or the array's closing bracket")
            }
        }
    }

    private mutating func open() throws(PresenceError) {
        if depth == maximumDepth {
            throw malformed("arrays and objects stand in each other at most \(maximumDepth) deep")
        }
        depth += 1
        position += 1
    }

    private mutating func close() {
        depth -= 1
        position += 1
    }

    private mutating func literal(_ word: StaticString, _ value: JSON) throws(PresenceError) -> JSON {
        for offset in 0..<word.utf8CodeUnitCount {
            guard position < bytes.count, bytes[position] == word.utf8Start[offset] else { throw expected("\(word)") }
            position += 1
        }
        return value
    }
}

extension JSONParser {
    // -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
    private mutating func number() throws(PresenceError) -> JSON {
        let start = position
        skip(UInt8(ascii: "-"))
        if !skip(UInt8(ascii: "0")) {
            try digits()
        } else if case UInt8(ascii: "0")...UInt8(ascii: "9") = peek {
            throw malformed("a number has no leading zero")
        }
        if skip(UInt8(ascii: ".")) { try digits() }
        if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
            if !skip(UInt8(ascii: "+")) { skip(UInt8(ascii: "-")) }
            try digits()
        }
        return .number(source[start..<position])
    }

    private mutating func digits() throws(PresenceError) {
        guard case UInt8(ascii: "0")...UInt8(ascii: "9") = peek else { throw expected("a digit") }
        while case UInt8(ascii: "0")...UInt8(ascii: "9") = peek { position += 1 }
    }

    private mutating func string() throws(PresenceError) -> JSON.Text {
        position += 1
        let start = position
        var hasEscapes = false
        while true {
            skipPlain()
            switch peek {
            case UInt8(ascii: "\""):
                defer { position += 1 }
                return JSON.Text(raw: source[start..<position], hasEscapes: hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                position += 1
                try escape()
            case 0x80...:
                guard let length = UTF8Sequence.length(at: position, in: bytes) else {
                    throw malformed("the text is not valid UTF-8")
                }
                position += length
            case _ where isAtEnd: throw expected("the string's closing quote")
            default: throw malformed("a control character in a string is written as an escape, such as \\n or \\u0000")
            }
        }
    }

    private mutating func escape() throws(PresenceError) {
        switch peek {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"):
            position += 1
            for _ in 0..<4 {
                switch peek {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
                    UInt8(ascii: "A")...UInt8(ascii: "F"):
                    position += 1
                default: throw expected("four hexadecimal digits after \\u")
                }
            }
        default: throw expected("one of \" \\ / b f n r t u after a backslash")
        }
    }

    /// Skips what needs no look: ASCII but quotes, backslashes and controls, eight bytes at a time.
    private mutating func skipPlain() {
        let raw = UnsafeRawBufferPointer(bytes)
        while position + 8 <= bytes.count {
            let word = raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            if Self.holdsSpecial(word) { break }
            position += 8
        }
        while position < bytes.count {
            let byte = bytes[position]
            if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
            position += 1
        }
    }

    /// Says whether any of eight bytes is a control, a quote, a backslash or not ASCII.
    private static func holdsSpecial(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        // x − 0x01… borrows into a byte's top bit exactly where the byte was 0, if no byte had it set before.
        let quotes = (word ^ ones &* UInt64(UInt8(ascii: "\""))) &- ones
        let backslashes = (word ^ ones &* UInt64(UInt8(ascii: "\\"))) &- ones
        let controls = word &- ones &* 0x20
        return (word | quotes | backslashes | controls) & ones &* 0x80 != 0
    }
}

extension JSONParser {
    private var isAtEnd: Bool { position == bytes.count }

    /// The byte that comes next; at the end 0, which JSON allows nowhere.
    private var peek: UInt8 { isAtEnd ? 0 : bytes[position] }

    /// Skips white space and gives the byte that comes next.
    private mutating func skipSpace() -> UInt8 {
        while peek == 0x20 || peek == 0x0A || peek == 0x0D || peek == 0x09 { position += 1 }
        return peek
    }

    @discardableResult
    private mutating func skip(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private func expected(_ what: String) -> PresenceError {
        let found =
            switch peek {
            case _ where isAtEnd: "the text ends"
            case let byte where (0x21...0x7E).contains(byte): "found \(Character(UnicodeScalar(byte)))"
            case let byte:
                "found the byte 0x"
                    + String(decoding: hexDigits(of: UInt64(byte), count: 2, uppercase: true), as: UTF8.self)
            }
        return malformed("expected \(what), but \(found)")
    }

    /// Lines and columns are only counted here, where something went wrong; columns count characters.
    private func malformed(_ detail: String) -> PresenceError {
        let before = bytes[..<position]
        let line = before.count { $0 == 0x0A } + 1
        let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        let column = before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1
        return PresenceError(.malformed, at: location, "Line \(line), column \(column): \(detail).")
    }
}
