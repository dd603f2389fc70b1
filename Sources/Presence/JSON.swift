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
    ///
    /// Here and wherever every value is visited, elements are reached by index: to bind one would count its references.
    package func write(to output: inout [UInt8]) {
        switch self {
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            for index in members.indices {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                members[index].name.write(to: &output)
                output.append(UInt8(ascii: ":"))
                members[index].value.write(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for index in elements.indices {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                elements[index].write(to: &output)
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

    /// The whole number that a number stands for (`30`, `30.0`); `nil` for anything else, any exponent included.
    package var int: Int? {
        guard case .number(let digits) = self else { return nil }
        let point = digits.firstIndex(of: UInt8(ascii: ".")) ?? digits.endIndex
        guard digits[point...].dropFirst().allSatisfy({ $0 == UInt8(ascii: "0") }) else { return nil }
        return Int(String(decoding: digits[..<point], as: UTF8.self))
    }

    /// The value of an object's member, by the name that its text stands for.
    package subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        for index in members.indices where members[index].name.isEqual(to: name) { return members[index].value }
        return nil
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
