// Rollcall · Presence

/// A JSON value that remembers how it was written.
///
/// Numbers, strings and the order of members keep their text (`1e400`, `-0`, `1.0`, `\u00e9`, `\/`), so a value written
/// back is the value that came, white space aside. Values share the memory of the text they were parsed from.
package enum JSON: Sendable {
    case object([Member])
    case array([JSON])
    case string(Text)
    /// The digits as they were written.
    case number(ArraySlice<UInt8>)
    case bool(Bool)
    case null

    /// A name and its value; within one object no two names are the same.
    package struct Member: Sendable {
        package let name: Text
        package let value: JSON

        package init(name: Text, value: JSON) {
            self.name = name
            self.value = value
        }
    }
}

extension JSON {
    /// Appends the text of the value, without insignificant white space.
    package func write(to output: inout [UInt8]) {
        switch self {
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                member.name.write(to: &output)
                output.append(UInt8(ascii: ":"))
                member.value.write(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                element.write(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .string(let text): text.write(to: &output)
        case .number(let digits): output.append(contentsOf: digits)
        case .bool(true): output.append(literal: "true")
        case .bool(false): output.append(literal: "false")
        case .null: output.append(literal: "null")
        }
    }

    /// The text of the value, without insignificant white space.
    package var compact: [UInt8] {
        var output: [UInt8] = []
        write(to: &output)
        return output
    }
}

extension JSON {
    /// The members of an object in the order they were written; `nil` for anything else.
    package var members: [Member]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The elements of an array; `nil` for anything else.
    package var elements: [JSON]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The text that a string stands for; `nil` for anything else, and for a string that holds a lone surrogate.
    package var string: String? {
        if case .string(let text) = self { text.string } else { nil }
    }

    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    package var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// The whole number that a number stands for (`30`, `30.0`, `3e1`); `nil` for anything else.
    ///
    /// A number written with a fraction or an exponent is read as a `Double`, up to 2⁵³.
    package var int: Int? {
        guard case .number(let digits) = self else { return nil }
        let text = String(decoding: digits, as: UTF8.self)
        if let value = Int(text) { return value }
        guard let value = Double(text), value.magnitude <= 0x1p53 else { return nil }
        return Int(exactly: value)
    }

    /// The value of an object's member, by the name that its text stands for.
    package subscript(name: String) -> JSON? {
        members?.first { $0.name.isEqual(to: name) }?.value
    }

    /// What the value is, for a sentence: “an array”.
    package var kind: String {
        switch self {
        case .object: "an object"
        case .array: "an array"
        case .string: "a string"
        case .number: "a number"
        case .bool: "a boolean"
        case .null: "null"
        }
    }
}
