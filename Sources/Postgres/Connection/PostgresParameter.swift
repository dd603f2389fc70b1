// Rollcall · Postgres

/// A value of `$1`, `$2`, …, sent to PostgreSQL beside the statement and never inside it.
package enum PostgresParameter: Sendable, Hashable {
    case text(String)
    case textArray([String])
    case null

    /// The number of its declared type: `text`, `text[]`, or 0 for the type that PostgreSQL finds in the statement.
    var type: UInt32 {
        switch self {
        case .text: 25
        case .textArray: 1009
        case .null: 0
        }
    }

    /// The value in PostgreSQL's text format; nil is NULL.
    ///
    /// Throws for a NUL, which PostgreSQL's text cannot hold, with PostgreSQL's code for it.
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

    /// Writes `{"a","b"}`: inside quotes only `"` and `\` have a meaning.
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
