// Rollcall · Basics

/// Percent-encoding (RFC 3986 §2.1) of the parts of a URL.
package enum PercentEncoding {
    /// Why a text cannot be decoded.
    package enum Fault: Error, Hashable {
        /// A percent sign that two hexadecimal digits do not follow.
        case badEscape
        /// The decoded bytes are not UTF-8.
        case badUTF8
    }

    /// Decodes a text.
    ///
    /// - Parameter plusIsSpace: In queries `+` is a space, as `URLSearchParams` and HTML forms write it, and a plus is
    ///   `%2B`. In paths `+` is a plus.
    @inlinable
    package static func decode(_ text: Substring, plusIsSpace: Bool = false) throws(Fault) -> String {
        let plus = UInt8(ascii: "+")
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == plus && plusIsSpace }) else {
            // A request line may hold any bytes, so even an unescaped text is checked.
            guard let valid = String(validating: text.utf8, as: UTF8.self) else { throw .badUTF8 }
            return valid
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst().flatMap(Self.digit), let low = rest.popFirst().flatMap(Self.digit)
                else {
                    throw .badEscape
                }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(byte == plus && plusIsSpace ? UInt8(ascii: " ") : byte)
            }
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else { throw .badUTF8 }
        return decoded
    }

    /// Encodes all but RFC 3986's unreserved characters and the colon, which every URI part allows and topics use.
    package static func encode(_ text: String) -> String {
        let isSafe: (UInt8) -> Bool = { byte in
            Base64URL.contains(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "~")
                || byte == UInt8(ascii: ":")
        }
        // URL parsers take "." and ".." alone as steps in a path.
        let isDots = text == "." || text == ".."
        if !isDots && text.utf8.allSatisfy(isSafe) { return text }
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            if isSafe(byte) && !isDots {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), Self.hex(byte >> 4), Self.hex(byte & 0xF)]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    @inlinable
    static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func hex(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "A") + nibble - 10
    }
}
