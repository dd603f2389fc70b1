// Rollcall · TestSupport

/// Why a text is not JSON.
package struct JSONValueError: Error, CustomStringConvertible {
    package let offset: Int
    package let expected: String

    package var description: String { "not JSON: expected \(self.expected) at byte \(self.offset)" }
}

/// A recursive-descent parser of RFC 8259; it also refuses repeated members.
struct JSONValueParser {
    private let bytes: [UInt8]
    private var position = 0

    static func parse(_ bytes: [UInt8]) throws -> JSONValue {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw JSONValueError(offset: 0, expected: "UTF-8")
        }
        var parser = JSONValueParser(bytes: bytes)
        let value = try parser.value()
        guard parser.peek() == nil else { throw parser.error("the end") }
        return value
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func value() throws -> JSONValue {
        switch self.peek() {
        case "{": return try self.object()
        case "[": return try self.array()
        case "\"": return .string(try self.string())
        case "t": return try self.word("true", .bool(true))
        case "f": return try self.word("false", .bool(false))
        case "n": return try self.word("null", .null)
        default: return try self.number()
        }
    }

    private mutating func object() throws -> JSONValue {
        var members: [ExactName: JSONValue] = [:]
        try self.list(from: "{", to: "}") { parser in
            guard parser.peek() == "\"" else { throw parser.error("a member name") }
            let name = ExactName(try parser.string())
            try parser.take(":")
            guard members.updateValue(try parser.value(), forKey: name) == nil else {
                throw parser.error("no second member '\(name)'")
            }
        }
        return .object(members)
    }

    private mutating func array() throws -> JSONValue {
        var elements: [JSONValue] = []
        try self.list(from: "[", to: "]") { elements.append(try $0.value()) }
        return .array(elements)
    }

    private mutating func list(
        from first: Unicode.Scalar, to last: Unicode.Scalar, _ element: (inout JSONValueParser) throws -> Void
    ) throws {
        try self.take(first)
        if self.peek() == last {
            self.position += 1
            return
        }
        while true {
            try element(&self)
            if self.peek() == last {
                self.position += 1
                return
            }
            try self.take(",")
        }
    }

    private mutating func string() throws -> String {
        try self.take("\"")
        var units: [UInt8] = []
        while self.position < self.bytes.count {
            let byte = self.bytes[self.position]
            self.position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: units, as: UTF8.self)
            case UInt8(ascii: "\\"): units.append(contentsOf: String(try self.escaped()).utf8)
            case 0x00..<0x20: throw self.error("no control character")
            default: units.append(byte)
            }
        }
        throw self.error("\"")
    }

    private mutating func escaped() throws -> Unicode.Scalar {
        guard self.position < self.bytes.count else { throw self.error("an escape") }
        defer { self.position += 1 }
        switch Unicode.Scalar(self.bytes[self.position]) {
        case "n": return "\n"
        case "t": return "\t"
        case "r": return "\r"
        case "b": return "\u{8}"
        case "f": return "\u{C}"
        case let same where same == "\"" || same == "\\" || same == "/": return same
        case "u":
            let unit = try self.hexadecimal(at: self.position + 1)
            self.position += 4
            if let scalar = Unicode.Scalar(unit) { return scalar }
            // A high half with its low half is one scalar; a lone half becomes U+FFFD.
            guard unit < 0xDC00, self.bytes[(self.position + 1)...].starts(with: "\\u".utf8),
                case let low = try self.hexadecimal(at: self.position + 3), (0xDC00..<0xE000).contains(low)
            else { return "\u{FFFD}" }
            self.position += 6
            let joined = 0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00)
            return Unicode.Scalar(joined) ?? "\u{FFFD}"
        default: throw self.error("an escape")
        }
    }

    private func hexadecimal(at start: Int) throws -> UInt16 {
        guard start + 4 <= self.bytes.count, self.bytes[start] != UInt8(ascii: "+"),
            let unit = UInt16(String(decoding: self.bytes[start..<(start + 4)], as: UTF8.self), radix: 16)
        else { throw self.error("four hexadecimal digits") }
        return unit
    }

    private mutating func number() throws -> JSONValue {
        let text = self.bytes[self.position...].prefix { !" \t\r\n,]}".utf8.contains($0) }
        let number = String(decoding: text, as: UTF8.self)
        guard (try? /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/.wholeMatch(in: number)) != nil else {
            throw self.error("a value")
        }
        self.position += text.count
        return .number(number)
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws -> JSONValue {
        guard self.bytes[self.position...].starts(with: word.utf8) else { throw self.error("\(word)") }
        self.position += word.utf8.count
        return value
    }

    /// The next byte after white space, or nil at the end.
    private mutating func peek() -> Unicode.Scalar? {
        while self.position < self.bytes.count {
            let byte = self.bytes[self.position]
            guard " \t\r\n".utf8.contains(byte) else { return Unicode.Scalar(byte) }
            self.position += 1
        }
        return nil
    }

    private mutating func take(_ scalar: Unicode.Scalar) throws {
        guard self.peek() == scalar else { throw self.error("\(scalar)") }
        self.position += 1
    }

    private func error(_ expected: String) -> JSONValueError {
        JSONValueError(offset: self.position, expected: expected)
    }
}
