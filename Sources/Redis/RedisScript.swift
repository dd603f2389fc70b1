// Rollcall · Redis

/// A Lua script, told from others by its name.
///
/// The first line may be a shebang (`#!lua flags=allow-oom`), which a server older than 7.0 is not sent.
package struct RedisScript: Sendable {
    package let name: String
    package let source: [UInt8]

    package init(name: String, source: [UInt8]) {
        self.name = name
        self.source = source
    }

    /// Gives the text for a server of that major version.
    ///
    /// Without its shebang the script still starts on line 2, so that line numbers in errors stay true.
    package func source(majorVersion: Int) -> [UInt8] {
        guard majorVersion < 7, source.starts(with: "#!".utf8) else { return source }
        return Array(source.drop { $0 != UInt8(ascii: "\n") })
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
