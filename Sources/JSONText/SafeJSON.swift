// Rollcall · JSONText

import Basics

/// JSON as Rollcall writes it: every reader accepts it, and no reader of lines splits it.
///
/// | in a text | becomes |
/// |---|---|
/// | DEL, C1 controls (U+0080–U+009F), U+2028, U+2029 | the escape of the same character |
/// | U+0000, half of a surrogate pair, bytes that are no UTF-8: in metas of older versions and in fetched data | `\ufffd` |
/// | another raw C0 control, which is no JSON | its escape |
package enum SafeJSON {
    /// Returns the safe form of compact JSON text; `nil` if the text is safe, as nearly all texts are.
    package static func escaped(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        firstUnsafe(in: text).map { rewritten(text, from: $0) }
    }

    /// Whether compact JSON text is its own safe form.
    package static func isSafe(_ text: [UInt8]) -> Bool {
        text.withUnsafeBufferPointer { firstUnsafe(in: $0) == nil }
    }

    private static func firstUnsafe(in text: UnsafeBufferPointer<UInt8>) -> Int? {
        var position = 0
        let raw = UnsafeRawBufferPointer(text)
        while position < text.count {
            if position + 8 <= text.count,
                !mayBeSpecial(raw.loadUnaligned(fromByteOffset: position, as: UInt64.self), quotes: false)
            {
                position += 8
                continue
            }
            // The last word may overlap the one before it.
            if position + 8 > text.count, text.count >= 8,
                !mayBeSpecial(raw.loadUnaligned(fromByteOffset: text.count - 8, as: UInt64.self), quotes: false)
            {
                return nil
            }
            guard case .plain(let length) = piece(at: position, in: text) else {
                return position
            }
            position += length
        }
        return nil
    }

    package static func escaped(_ text: [UInt8]) -> [UInt8]? {
        text.withUnsafeBufferPointer { escaped($0) }
    }

    /// Whether the UTF-8 character at `position` is written as an escape.
    static func isEscaped(at position: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        scalarToEscape(at: position, in: bytes) != nil
    }

    /// Returns the character beyond ASCII at `position` and its length, if it is written as an escape.
    @inline(__always)
    static func scalarToEscape(
        at position: Int, in bytes: UnsafeBufferPointer<UInt8>
    ) -> (scalar: UInt64, length: Int)? {
        switch bytes[position] {
        case 0xC2 where position + 1 < bytes.count && (0x80...0x9F).contains(bytes[position + 1]):
            (UInt64(bytes[position + 1]), 2)
        case 0xE2 where position + 2 < bytes.count && bytes[position + 1] == 0x80 && bytes[position + 2] & 0xFE == 0xA8:
            (0x2000 | UInt64(bytes[position + 2] & 0x3F), 3)
        default: nil
        }
    }

    /// Whether any of eight bytes is a control, DEL, a backslash, not ASCII or, if wanted, a quote.
    ///
    /// It is true for some words without such a byte.
    @inline(__always)
    static func mayBeSpecial(_ word: UInt64, quotes: Bool) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        // x − 0x01… borrows into a byte's top bit exactly where the byte was 0, if no byte had it set before.
        var special = word | ((word ^ (ones &* UInt64(UInt8(ascii: "\\")))) &- ones)
        // DEL + 1 sets the top bit, and so does every control − 0x20.
        special |= (word &+ ones) | (word &- (ones &* 0x20))
        if quotes { special |= (word ^ (ones &* UInt64(UInt8(ascii: "\"")))) &- ones }
        return special & (ones &* 0x80) != 0
    }

    private enum Piece {
        case plain(Int)
        case escape(UInt64, length: Int)
        case replacement(length: Int)
    }

    private static func piece(at position: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Piece {
        let byte = bytes[position]
        switch byte {
        case UInt8(ascii: "\\"): return escape(at: position, in: bytes)
        case 0: return .replacement(length: 1)
        case ..<0x20, 0x7F: return .escape(UInt64(byte), length: 1)
        case 0x80...:
            guard let length = UTF8Sequence.length(at: position, in: bytes) else { return .replacement(length: 1) }
            guard let (scalar, _) = scalarToEscape(at: position, in: bytes) else { return .plain(length) }
            return .escape(scalar, length: length)
        default: return .plain(1)
        }
    }

    private static func escape(at position: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Piece {
        guard let unit = codeUnit(at: position, in: bytes) else {
            // A plain ASCII character after the backslash is skipped; any other one is the next piece.
            let isPlain = position + 1 < bytes.count && (0x20..<0x7F).contains(bytes[position + 1])
            return .plain(isPlain ? 2 : 1)
        }
        switch unit {
        case 0, 0xDC00...0xDFFF: return .replacement(length: 6)
        case 0xD800...0xDBFF:
            guard let second = codeUnit(at: position + 6, in: bytes), (0xDC00...0xDFFF).contains(second) else {
                return .replacement(length: 6)
            }
            return .plain(12)
        default: return .plain(6)
        }
    }

    /// The number of the escape `\uXXXX` at `position`; `nil` if there is none.
    private static func codeUnit(at position: Int, in bytes: UnsafeBufferPointer<UInt8>) -> UInt32? {
        guard position + 6 <= bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u"),
            bytes[position + 2..<position + 6].allSatisfy({ Character(UnicodeScalar($0)).isHexDigit })
        else { return nil }
        return JSON.Text.codeUnit(bytes[position + 2..<position + 6])
    }

    private static func rewritten(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(text.count + 16)
        output.append(contentsOf: UnsafeBufferPointer(rebasing: text[..<start]))
        var position = start
        while position < text.count {
            switch piece(at: position, in: text) {
            case .plain(let length):
                output.append(contentsOf: UnsafeBufferPointer(rebasing: text[position..<position + length]))
                position += length
            case .escape(let scalar, let length):
                output.append(escapeOf: scalar)
                position += length
            case .replacement(let length):
                output.append(escapeOf: 0xFFFD)
                position += length
            }
        }
        return output
    }
}

extension [UInt8] {
    /// Appends `\uXXXX`.
    mutating func append(escapeOf codeUnit: UInt64) {
        append(literal: #"\u"#)
        append(contentsOf: hexDigits(of: codeUnit, count: 4))
    }
}
