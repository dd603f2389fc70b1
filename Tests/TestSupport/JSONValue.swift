// Rollcall · TestSupport

/// JSON for tests, independent of the parser under test.
///
/// Numbers keep their text (`1e400`, `1.0`); the order of members does not matter.
package enum JSONValue: Hashable, Sendable {
    case object([ExactName: JSONValue])
    case array([JSONValue])
    case string(String)
    case number(String)
    case bool(Bool)
    case null

    package init(parsing text: String) throws {
        self = try JSONValueParser.parse(Array(text.utf8))
    }

    package init(parsing bytes: [UInt8]) throws {
        self = try JSONValueParser.parse(bytes)
    }

    /// The member of that name; nil when this is no object or has none.
    package subscript(_ name: String) -> JSONValue? {
        self.object?[ExactName(name)]
    }

    package subscript(_ index: Int) -> JSONValue? {
        guard let array, array.indices.contains(index) else { return nil }
        return array[index]
    }

    package var object: [ExactName: JSONValue]? {
        if case .object(let members) = self { members } else { nil }
    }

    package var array: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    package var int: Int? {
        if case .number(let text) = self { Int(text) } else { nil }
    }

    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral text: String) { self = .string(text) }
    package init(integerLiteral number: Int) { self = .number("\(number)") }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(nilLiteral: ()) { self = .null }

    package init(dictionaryLiteral members: (ExactName, JSONValue)...) {
        self = .object(Dictionary(members) { _, last in last })
    }
}

extension JSONValue: CustomStringConvertible {
    /// Compact JSON, members in byte order.
    package var description: String {
        switch self {
        case .object(let members):
            let inside = members.sorted { $0.key < $1.key }.map { "\(Self.quoted($0.key.text)):\($0.value)" }
            return "{\(inside.joined(separator: ","))}"
        case .array(let elements): return "[\(elements.map(\.description).joined(separator: ","))]"
        case .string(let text): return Self.quoted(text)
        case .number(let text): return text
        case .bool(let value): return "\(value)"
        case .null: return "null"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
