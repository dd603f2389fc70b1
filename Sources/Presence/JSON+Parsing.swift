// Rollcall · Presence

extension JSON {
    /// How deep arrays and objects may stand in each other in what callers send.
    ///
    /// What we send wraps a meta a few levels deeper: who reads that gives a higher limit.
    package static let maximumDepth = 64

    /// Parses one JSON text (RFC 8259), strictly: nothing before or after it, valid UTF-8, no byte order mark.
    ///
    /// Throws `malformed` where the text cannot be read, at `location`, saying line and column; throws `invalid` at the
    /// second of two members of the same name.
    package init(
        parsing source: [UInt8], maximumDepth: Int = maximumDepth,
        at location: PresenceError.Location = .pointer("#")
    ) throws(PresenceError) {
        var hasDuplicates = false
        self = try source.withUnsafeBufferPointer { (bytes) throws(PresenceError) in
            var parser = JSONParser(source: source, bytes: bytes, maximumDepth: maximumDepth, location: location)
            defer { hasDuplicates = parser.hasDuplicates }
            return try parser.document()
        }
        if hasDuplicates, let path = pathToDuplicate() {
            let place = path.reversed().reduce(location) { $0.member(utf8: $1) }
            throw PresenceError(.invalid, at: place, "An object has each member only once.")
        }
    }

    package init(
        parsing text: String, maximumDepth: Int = maximumDepth,
        at location: PresenceError.Location = .pointer("#")
    ) throws(PresenceError) {
        try self.init(parsing: Array(text.utf8), maximumDepth: maximumDepth, at: location)
    }
}

extension JSON {
    /// Finds a member that stands a second time; gives the names and indices that lead to it, from the inside out.
    private func pathToDuplicate() -> [ArraySlice<UInt8>]? {
        switch self {
        case .object(let members):
            if let name = Self.firstDuplicate(in: members) { return [name.decoded] }
            for member in members {
                if let path = member.value.pathToDuplicate() { return path + [member.name.decoded] }
            }
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                if let path = element.pathToDuplicate() { return path + [Array(String(index).utf8)[...]] }
            }
        default: break
        }
        return nil
    }

    /// Finds the first name that stands a second time: by looking at the few before it, or with a set where they are many.
    static func firstDuplicate(in members: [Member]) -> Text? {
        if members.count <= 8 {
            for index in members.indices {
                for earlier in 0..<index where members[earlier].name == members[index].name {
                    return members[index].name
                }
            }
            return nil
        }
        var seen = Set<Text>(minimumCapacity: members.count)
        return members.first { !seen.insert($0.name).inserted }?.name
    }
}
