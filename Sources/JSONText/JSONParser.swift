// Rollcall · JSONText

import Basics

/// Checks one JSON text (RFC 8259) in one pass, without recursion; makes no values.
///
/// It also finds two faults that RFC 7493 (2.1 and 2.3) forbids: lone surrogates and repeated members. Noncharacters
/// such as U+FFFE, which it also forbids, pass: they are Unicode text, and strict readers accept them.
struct JSONParser {
    /// The text; it must outlive the parser.
    let bytes: UnsafeBufferPointer<UInt8>
    let maximumDepth: Int
    let location: InputError.Location

    var position = 0
    private var names = JSONNames()
    private(set) var traits: JSON.Traits = []
    /// The first fault in text that is otherwise JSON.
    private(set) var fault: JSONFault?

    init(bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int, location: InputError.Location) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
        self.location = location
    }

    /// Checks the whole text; returns the range of its value.
    mutating func document() throws(InputError) -> Range<Int> {
        guard bytes.count < Int(JSONNames.flag) else { throw malformed("the text has 2 GiB or more") }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw malformed("the text starts with a byte order mark; leave it out")
        }
        _ = skipSpace()
        let start = position
        while true {
            let isOpen = try value()
            if isOpen { continue }
            if try !advanceToNextValue() { break }
        }
        let end = position
        _ = skipSpace()
        guard isAtEnd else { throw expected("the end of the text") }
        if fault != nil { traits.insert(.faulty) }
        return start..<end
    }
}

extension JSONParser {
    /// Reads a value, but only the beginning of an array or object with content; returns true for such a beginning.
    private mutating func value() throws(InputError) -> Bool {
        switch skipSpace() {
        case UInt8(ascii: "{"):
            try open(isObject: true)
            guard skipSpace() != UInt8(ascii: "}") else {
                close()
                return false
            }
            try name()
            return true
        case UInt8(ascii: "["):
            try open(isObject: false)
            guard skipSpace() != UInt8(ascii: "]") else {
                close()
                return false
            }
            return true
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default: throw expected("a value")
        }
        return false
    }

    /// Reads the text after a value and closes the containers that end there; returns whether another value follows.
    private mutating func advanceToNextValue() throws(InputError) -> Bool {
        while names.depth > 0 {
            let isInObject = names.isInObject
            switch skipSpace() {
            case UInt8(ascii: ","):
                position += 1
                if isInObject { try name() }
                return true
            case UInt8(ascii: "}") where isInObject: close()
            case UInt8(ascii: "]") where !isInObject: close()
            default:
                throw expected(
                    isInObject ? "a comma or the object's closing brace" : "a comma or the array's closing bracket")
            }
        }
        return false
    }

    private mutating func name() throws(InputError) {
        guard skipSpace() == UInt8(ascii: "\"") else { throw expected("a member's name in double quotes") }
        let start = position + 1
        let hasEscapes = try string()
        names.add(start..<position - 1, hasEscapes: hasEscapes)
        guard skipSpace() == UInt8(ascii: ":") else { throw expected("a colon after the member's name") }
        position += 1
    }

    private mutating func open(isObject: Bool) throws(InputError) {
        if names.depth == maximumDepth {
            throw malformed("arrays and objects are nested at most \(maximumDepth) deep")
        }
        names.open(isObject: isObject)
        if names.depth > JSON.shallowDepth { traits.insert(.deep) }
        position += 1
    }

    private mutating func close() {
        if let repeated = names.close(in: bytes) { note(.repeatedMember, at: repeated - 1) }
        position += 1
    }

    private mutating func literal(_ word: StaticString) throws(InputError) {
        for offset in 0..<word.utf8CodeUnitCount {
            guard position < bytes.count, bytes[position] == word.utf8Start[offset] else { throw expected("\(word)") }
            position += 1
        }
    }

    private mutating func note(_ kind: JSONFault.Kind, at offset: Int) {
        if fault == nil { fault = JSONFault(kind: kind, offset: offset) }
    }
}

extension JSONParser {
    // A number (RFC 8259 §6): -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
    private mutating func number() throws(InputError) {
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
    }

    private mutating func digits() throws(InputError) {
        guard case UInt8(ascii: "0")...UInt8(ascii: "9") = peek else { throw expected("a digit") }
        while case UInt8(ascii: "0")...UInt8(ascii: "9") = peek { position += 1 }
    }

    /// Reads a string; returns whether it has escapes.
    private mutating func string() throws(InputError) -> Bool {
        let start = position
        var hasEscapes = false
        position += 1
        while true {
            skipPlain()
            switch peek {
            case UInt8(ascii: "\""):
                position += 1
                return hasEscapes
            case UInt8(ascii: "\\"):
                hasEscapes = true
                position += 1
                try escape(ofStringAt: start)
            case 0x7F:
                traits.insert(.unsafe)
                position += 1
            case 0x80...:
                guard let length = UTF8Sequence.length(at: position, in: bytes) else {
                    throw malformed("the text is not valid UTF-8")
                }
                if SafeJSON.isEscaped(at: position, in: bytes) { traits.insert(.unsafe) }
                position += length
            case _ where isAtEnd: throw expected("the string's closing quote")
            default: throw malformed("a control character in a string is written as an escape, such as \\n or \\u0000")
            }
        }
    }

    private mutating func escape(ofStringAt start: Int) throws(InputError) {
        switch peek {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"):
            position += 1
            switch try codeUnit() {
            case 0: traits.insert(.nul)
            case 0xD800...0xDBFF:
                let afterFirst = position
                if skip(UInt8(ascii: "\\")), skip(UInt8(ascii: "u")), try (0xDC00...0xDFFF).contains(codeUnit()) {
                    return
                }
                position = afterFirst
                note(.loneSurrogate, at: start)
            case 0xDC00...0xDFFF: note(.loneSurrogate, at: start)
            default: break
            }
        default: throw expected("one of \" \\ / b f n r t u after a backslash")
        }
    }

    /// Reads the four digits after `\u`.
    private mutating func codeUnit() throws(InputError) -> UInt32 {
        for _ in 0..<4 {
            switch peek {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
                UInt8(ascii: "A")...UInt8(ascii: "F"):
                position += 1
            default: throw expected("four hexadecimal digits after \\u")
            }
        }
        return JSON.Text.codeUnit(bytes[position - 4..<position])
    }

    /// Skips ASCII other than quotes, backslashes and controls, eight bytes at a time.
    private mutating func skipPlain() {
        let raw = UnsafeRawBufferPointer(bytes)
        while position + 8 <= bytes.count {
            let word = raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            if SafeJSON.mayBeSpecial(word, quotes: true) { break }
            position += 8
        }
        while position < bytes.count {
            let byte = bytes[position]
            if byte < 0x20 || byte >= 0x7F || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
            position += 1
        }
    }
}

extension JSONParser {
    private var isAtEnd: Bool { position == bytes.count }

    /// The next byte; at the end 0, which JSON allows nowhere.
    private var peek: UInt8 { isAtEnd ? 0 : bytes[position] }

    /// Skips white space and returns the next byte.
    private mutating func skipSpace() -> UInt8 {
        guard JSONWalker.isSpace(peek) else { return peek }
        if names.depth > 0 { traits.insert(.spaced) }
        while JSONWalker.isSpace(peek) { position += 1 }
        return peek
    }

    @discardableResult
    private mutating func skip(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private func expected(_ what: String) -> InputError {
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

    /// Makes the error with its line and column, which are counted only here; columns count characters.
    private func malformed(_ detail: String) -> InputError {
        let before = bytes[..<position]
        let line = before.count { $0 == 0x0A } + 1
        let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        let column = before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1
        return InputError(.malformed, at: location, "Line \(line), column \(column): \(detail).")
    }
}
