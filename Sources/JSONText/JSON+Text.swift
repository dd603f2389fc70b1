// Rollcall · JSONText

import Basics

extension JSON {
    /// A JSON string: the characters between its quotes as they were written, with their escapes.
    ///
    /// Two texts are equal when their decoded characters are: `a` equals `\u0061`.
    package struct Text: Sendable {
        /// The bytes between the quotes: valid UTF-8, no control characters, well-formed escapes.
        package let raw: ArraySlice<UInt8>
        package let hasEscapes: Bool

        init(raw: ArraySlice<UInt8>, hasEscapes: Bool) {
            self.raw = raw
            self.hasEscapes = hasEscapes
        }

        /// Makes the text of plain characters, with escapes where they are needed.
        package init(_ text: String) {
            var quoted: [UInt8] = []
            quoted.append(jsonString: text)
            raw = quoted.dropFirst().dropLast()
            hasEscapes = raw.contains(UInt8(ascii: "\\"))
        }

        /// The decoded characters as UTF-8; a lone surrogate becomes the three bytes that UTF-8 would give it.
        package var decoded: ArraySlice<UInt8> {
            hasEscapes ? raw.withUnsafeBufferPointer { Self.unescape($0) }[...] : raw
        }

        /// The decoded characters; `nil` if the text has a lone surrogate, which is no character.
        package var string: String? {
            hasEscapes ? String(validating: decoded, as: UTF8.self) : String(decoding: raw, as: UTF8.self)
        }

        /// Returns whether the decoded characters equal `text`, byte by byte.
        package func isEqual(to text: String) -> Bool {
            text.utf8.withBytes { text in withDecoded { equalBytes($0, text) } }
        }

        fileprivate func withDecoded<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
            hasEscapes ? decoded.withUnsafeBufferPointer(body) : raw.withUnsafeBufferPointer(body)
        }

        func write(to output: inout [UInt8]) {
            output.append(UInt8(ascii: "\""))
            output.append(contentsOf: raw)
            output.append(UInt8(ascii: "\""))
        }
    }
}

extension JSON.Text: Hashable {
    package static func == (left: Self, right: Self) -> Bool {
        left.withDecoded { left in right.withDecoded { right in equalBytes(left, right) } }
    }

    package func hash(into hasher: inout Hasher) {
        withDecoded { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(0xFF as UInt8)
    }
}

extension JSON.Text {
    /// Decodes escapes; the parser has checked that they are well-formed.
    static func unescape(_ raw: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(raw.count)
        var rest = raw[...]
        while let escape = rest.firstIndex(of: UInt8(ascii: "\\")) {
            output.append(contentsOf: rest[..<escape])
            rest = rest[(escape + 1)...]
            let character = rest.removeFirst()
            switch character {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "u"): append(takeScalar(from: &rest), to: &output)
            default: output.append(character)
            }
        }
        output.append(contentsOf: rest)
        return output
    }

    /// Takes the digits of `\u`, and those of a second `\u` if the two are a surrogate pair.
    private static func takeScalar(from rest: inout Slice<UnsafeBufferPointer<UInt8>>) -> UInt32 {
        let first = codeUnit(rest.prefix(4))
        rest = rest.dropFirst(4)
        guard (0xD800...0xDBFF).contains(first), rest.starts(with: #"\u"#.utf8) else { return first }
        let second = codeUnit(rest.dropFirst(2).prefix(4))
        guard (0xDC00...0xDFFF).contains(second) else { return first }
        rest = rest.dropFirst(6)
        return 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
    }

    /// The value of four hexadecimal digits.
    static func codeUnit(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> UInt32 {
        digits.reduce(0) { value, digit in
            // Letters are 0x41… or 0x61…: their low four bits count from 1.
            value << 4 | UInt32(digit <= UInt8(ascii: "9") ? digit & 0xF : (digit & 0xF) + 9)
        }
    }

    /// Appends a code point, also a surrogate: two different lone surrogates must not become the same character.
    private static func append(_ scalar: UInt32, to output: inout [UInt8]) {
        func trailing(_ shift: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: scalar >> shift) & 0x3F | 0x80 }
        switch scalar {
        case ..<0x80:
            output.append(UInt8(scalar))
        case ..<0x800:
            output.append(UInt8(scalar >> 6) | 0xC0)
            output.append(trailing(0))
        case ..<0x10000:
            output.append(UInt8(scalar >> 12) | 0xE0)
            output.append(trailing(6))
            output.append(trailing(0))
        default:
            output.append(UInt8(scalar >> 18) | 0xF0)
            output.append(trailing(12))
            output.append(trailing(6))
            output.append(trailing(0))
        }
    }
}
