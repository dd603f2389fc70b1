// Rollcall · JSONText

import Basics

/// A JSON value that keeps its text: one part of a text that ``JSONParser`` has checked.
///
/// Numbers and strings keep their text (`1e400`, `-0`, `1.0`, `\u00e9`, `\/`) and members their order, so a value is
/// written as it was read, except for white space. All values of a text share its memory, and members and elements are
/// read only on demand: a text of many small values takes no more memory than one of a few large ones.
package struct JSON: Sendable {
    /// The checked text, which all its values share.
    let source: [UInt8]
    private let start: UInt32
    private let end: UInt32
    let traits: Traits

    /// Traits found anywhere in the whole text; a value in it has these or fewer.
    struct Traits: OptionSet {
        let rawValue: UInt8

        /// White space between tokens.
        static let spaced = Traits(rawValue: 1)
        /// Characters that ``SafeJSON`` writes as escapes.
        static let unsafe = Traits(rawValue: 2)
        /// The escape `\u0000`.
        static let nul = Traits(rawValue: 4)
        /// More than ``JSON/shallowDepth`` levels.
        static let deep = Traits(rawValue: 8)
        /// A member that is repeated, or a string that is no Unicode text.
        static let faulty = Traits(rawValue: 16)
    }

    package struct Member: Sendable {
        package let name: Text
        package let value: JSON
    }

    /// - Parameter range: The bytes of one whole value of a checked text.
    init(source: [UInt8], range: Range<Int>, traits: Traits) {
        self.source = source
        start = UInt32(range.lowerBound)
        end = UInt32(range.upperBound)
        self.traits = traits
    }

    private init(literal: StaticString) {
        var text: [UInt8] = []
        text.append(literal: literal)
        self.init(source: text, range: text.indices, traits: [])
    }

    package static let null = JSON(literal: "null")
    /// `{}`.
    package static let emptyObject = JSON(literal: "{}")

    /// The value's bytes as they were written.
    var raw: ArraySlice<UInt8> { source[Int(start)..<Int(end)] }

    /// Where the value begins in ``source``.
    var offset: Int { Int(start) }

    /// Whether the whole text has a repeated member or a string that is no Unicode text.
    package var isFaulty: Bool { traits.contains(.faulty) }

    /// The first byte, which decides the kind.
    private var first: UInt8 { source[Int(start)] }

    package var isObject: Bool { first == UInt8(ascii: "{") }
}

extension JSON {
    /// Appends the text of the value, without insignificant white space.
    package func write(to output: inout [UInt8]) {
        guard traits.contains(.spaced) else {
            output.append(contentsOf: raw)
            return
        }
        raw.withUnsafeBufferPointer { bytes in
            var walker = JSONWalker(bytes: bytes)
            var kept = 0
            while !walker.isAtEnd {
                switch walker.next {
                case UInt8(ascii: "\""):
                    walker.skipString()
                case 0x20, 0x0A, 0x0D, 0x09:
                    output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[kept..<walker.position]))
                    walker.skipSpace()
                    kept = walker.position
                default:
                    walker.position += 1
                }
            }
            output.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[kept...]))
        }
    }

    /// The text of the value, without insignificant white space.
    package var compact: [UInt8] {
        if !traits.contains(.spaced) { return Array(raw) }
        var output: [UInt8] = []
        write(to: &output)
        return output
    }

    /// The compact text in its safe form (``SafeJSON``).
    package var safe: [UInt8] {
        let compact = compact
        return traits.contains(.unsafe) ? SafeJSON.escaped(compact) ?? compact : compact
    }
}

extension JSON {
    /// Visits the members of an object in their written order until `body` returns false; any other value has none.
    package func forEachMember(_ body: (Member) -> Bool) {
        guard isObject else { return }
        source.withUnsafeBufferPointer { bytes in
            var walker = JSONWalker(bytes: bytes, position: Int(start) + 1)
            while walker.skipSpace(), walker.next != UInt8(ascii: "}") {
                if walker.next == UInt8(ascii: ",") {
                    walker.position += 1
                    continue
                }
                let name = walker.position + 1
                let hasEscapes = walker.skipString()
                let nameEnd = walker.position - 1
                walker.skipSpace()
                walker.position += 1
                walker.skipSpace()
                let value = walker.position
                walker.skipValue()
                let member = Member(
                    name: Text(raw: source[name..<nameEnd], hasEscapes: hasEscapes),
                    value: JSON(source: source, range: value..<walker.position, traits: traits))
                if !body(member) { return }
            }
        }
    }

    /// Visits the elements of an array in their order until `body` returns false; any other value has none.
    package func forEachElement(_ body: (JSON) -> Bool) {
        guard first == UInt8(ascii: "[") else { return }
        source.withUnsafeBufferPointer { bytes in
            var walker = JSONWalker(bytes: bytes, position: Int(start) + 1)
            while walker.skipSpace(), walker.next != UInt8(ascii: "]") {
                if walker.next == UInt8(ascii: ",") {
                    walker.position += 1
                    continue
                }
                let value = walker.position
                walker.skipValue()
                if !body(JSON(source: source, range: value..<walker.position, traits: traits)) { return }
            }
        }
    }

    /// The members of an object in the order they were written; `nil` for anything else.
    package var members: [Member]? {
        guard isObject else { return nil }
        var members: [Member] = []
        forEachMember {
            members.append($0)
            return true
        }
        return members
    }

    /// The elements of an array; `nil` for anything else.
    package var elements: [JSON]? { elements(atMost: .max) }

    /// The first elements of an array, at most `limit`; `nil` for anything else.
    package func elements(atMost limit: Int) -> [JSON]? {
        guard first == UInt8(ascii: "[") else { return nil }
        var elements: [JSON] = []
        forEachElement {
            if elements.count < limit { elements.append($0) }
            return elements.count < limit
        }
        return elements
    }

    /// The value of the first member with this name, compared after decoding; `nil` if there is none.
    package subscript(name: String) -> JSON? {
        var value: JSON?
        forEachMember { member in
            if member.name.isEqual(to: name) { value = member.value }
            return value == nil
        }
        return value
    }

    /// The text of an object without some of its members, and without insignificant white space.
    package func compact(without names: [String]) -> [UInt8] {
        var separator = Separator(open: "{")
        var output: [UInt8] = []
        forEachMember { member in
            if names.contains(where: member.name.isEqual) { return true }
            separator.write(to: &output)
            member.name.write(to: &output)
            output.append(UInt8(ascii: ":"))
            member.value.write(to: &output)
            return true
        }
        separator.close("}", to: &output)
        return output
    }
}

extension JSON {
    private var text: Text? {
        guard first == UInt8(ascii: "\"") else { return nil }
        let characters = raw.dropFirst().dropLast()
        return Text(raw: characters, hasEscapes: characters.contains(UInt8(ascii: "\\")))
    }

    /// The decoded text of a string; `nil` for anything else, and for a string with a lone surrogate.
    package var string: String? { text?.string }

    package var bool: Bool? {
        switch first {
        case UInt8(ascii: "t"): true
        case UInt8(ascii: "f"): false
        default: nil
        }
    }

    package var isNull: Bool { first == UInt8(ascii: "n") }

    /// The value of a whole number (`30`, `30.0`); `nil` for anything else, also for a number with an exponent.
    package var int: Int? {
        guard first == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return nil }
        let digits = raw
        let point = digits.firstIndex(of: UInt8(ascii: ".")) ?? digits.endIndex
        guard digits[point...].dropFirst().allSatisfy({ $0 == UInt8(ascii: "0") }) else { return nil }
        return Int(String(decoding: digits[..<point], as: UTF8.self))
    }

    /// The kind of value as part of a sentence: “an array”.
    package var kind: String {
        switch first {
        case UInt8(ascii: "{"): "an object"
        case UInt8(ascii: "["): "an array"
        case UInt8(ascii: "\""): "a string"
        case UInt8(ascii: "t"), UInt8(ascii: "f"): "a boolean"
        case UInt8(ascii: "n"): "null"
        default: "a number"
        }
    }
}
