// Rollcall · JSONText

package import Basics

extension JSON {
    /// The default limit for the depth of nested arrays and objects.
    package static let maximumDepth = 64

    /// The parser notes whether a text has more levels than this, so that most values need no count.
    package static let shallowDepth = 32

    /// Parses one JSON text (RFC 8259): nothing before or after it, valid UTF-8, no byte order mark.
    ///
    /// - Parameter isStrict: Whether repeated members and lone surrogates are refused; if not, ``isFaulty`` shows them.
    /// - Throws: `malformed` where the text cannot be read, at `location`, with line and column; `invalid` at a member
    ///   that is repeated and at a string that is no Unicode text.
    package init(
        parsing source: [UInt8], maximumDepth: Int = maximumDepth, isStrict: Bool = true,
        at location: InputError.Location = .pointer("#")
    ) throws(InputError) {
        let (range, traits) = try source.withUnsafeBufferPointer { (bytes) throws(InputError) in
            try Self.check(bytes, maximumDepth: maximumDepth, isStrict: isStrict, at: location)
        }
        self.init(source: source, range: range, traits: traits)
    }

    package init(
        parsing text: String, maximumDepth: Int = maximumDepth, isStrict: Bool = true,
        at location: InputError.Location = .pointer("#")
    ) throws(InputError) {
        try self.init(parsing: Array(text.utf8), maximumDepth: maximumDepth, isStrict: isStrict, at: location)
    }

    /// Throws the error of a strict parse if the value itself has a fault.
    package func requireSound(at location: InputError.Location) throws(InputError) {
        guard isFaulty else { return }
        _ = try raw.withUnsafeBufferPointer { (bytes) throws(InputError) in
            try Self.check(bytes, maximumDepth: .max, isStrict: true, at: location)
        }
    }

    private static func check(
        _ bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int, isStrict: Bool, at location: InputError.Location
    ) throws(InputError) -> (Range<Int>, Traits) {
        var parser = JSONParser(bytes: bytes, maximumDepth: maximumDepth, location: location)
        let range = try parser.document()
        if isStrict, let fault = parser.fault { throw fault.error(in: bytes, at: location) }
        return (range, parser.traits)
    }
}

extension JSON {
    /// The levels of arrays and objects in the value, if they are more than `limit`.
    package func depth(above limit: Int) -> Int? {
        if limit >= Self.shallowDepth, !traits.contains(.deep) { return nil }
        let depth = depth
        return depth > limit ? depth : nil
    }

    /// The levels of arrays and objects in the value; 0 for any other value.
    private var depth: Int {
        raw.withUnsafeBufferPointer { bytes in
            var walker = JSONWalker(bytes: bytes)
            var (depth, deepest) = (0, 0)
            while !walker.isAtEnd {
                switch walker.next {
                case UInt8(ascii: "\""):
                    walker.skipString()
                    continue
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    depth += 1
                    deepest = max(deepest, depth)
                case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
                default: break
                }
                walker.position += 1
            }
            return deepest
        }
    }

    /// Returns the place of the first string or name of the value that has the escape `\u0000`.
    package func firstNUL(at location: InputError.Location) -> InputError.Location? {
        guard traits.contains(.nul) else { return nil }
        return raw.withUnsafeBufferPointer { bytes in
            var walker = JSONWalker(bytes: bytes)
            while !walker.isAtEnd {
                guard walker.next == UInt8(ascii: "\"") else {
                    walker.position += 1
                    continue
                }
                let start = walker.position
                guard walker.skipString() else { continue }
                let string = UnsafeBufferPointer(rebasing: bytes[start + 1..<walker.position - 1])
                guard Text.unescape(string).contains(0) else { continue }
                return JSONFault.place(of: start, in: bytes, below: location)
            }
            return nil
        }
    }
}
