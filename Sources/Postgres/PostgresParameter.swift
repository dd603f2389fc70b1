// Rollcall · Postgres

/// A value of `$1`, `$2`, …, which goes to PostgreSQL beside the statement and never inside of it.
package enum PostgresParameter: Sendable, Hashable {
    case text(String)
    case textArray([String])
    case null

    /// The type that is declared for it: `text`, `text[]`, or the one that PostgreSQL finds in the statement.
    var type: UInt32 {
        switch self {
        case .text: 25
        case .textArray: 1009
        case .null: 0
        }
    }

    /// The value in PostgreSQL's text format; nil is NULL.
    ///
    /// A NUL is refused, with the code that PostgreSQL has for it: its text cannot hold one.
    func encoded() throws(PostgresError) -> String? {
        let encoded: String
        switch self {
        case .text(let text): encoded = text
        case .textArray(let elements): encoded = Self.arrayLiteral(elements)
        case .null: return nil
        }
        guard !encoded.utf8.contains(0) else {
            throw PostgresError(.refused, "a parameter holds a NUL, which no text has", sqlState: "22021")
        }
        return encoded
    }

    /// Writes `{"a","b"}`: inside of quotes only `"` and `\` mean anything.
    private static func arrayLiteral(_ elements: [String]) -> String {
        var bytes = [UInt8(ascii: "{")]
        for element in elements {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(UInt8(ascii: "\""))
            for byte in element.utf8 {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
                bytes.append(byte)
            }
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: "}"))
        return String(decoding: bytes, as: UTF8.self)
    }
}
