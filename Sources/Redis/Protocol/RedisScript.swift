// Rollcall · Redis

/// A Lua script and its name.
package struct RedisScript: Sendable {
    package let name: String
    package let source: [UInt8]

    package init(name: String, source: [UInt8]) {
        self.name = name
        self.source = source
    }
}

extension RedisScript: Hashable {
    package static func == (one: RedisScript, other: RedisScript) -> Bool {
        one.name == other.name && one.source == other.source
    }

    /// Hashes the name alone: a script is looked up for each command, and its text is long.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
    }
}

extension RedisScript: CustomStringConvertible {
    package var description: String { name }
}
