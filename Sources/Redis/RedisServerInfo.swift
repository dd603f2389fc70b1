// Rollcall · Redis

/// What a server says of itself, read with INFO on the very connection that offers it.
package struct RedisServerInfo: Sendable, Hashable {
    /// Is new at each start of the server; a failover changes it too, since another server answers.
    package let runID: String
    package let version: String
    /// `noeviction` is the only policy under which presences cannot vanish; empty when INFO does not tell.
    package let maxmemoryPolicy: String

    package init(runID: String, version: String, maxmemoryPolicy: String) {
        self.runID = runID
        self.version = version
        self.maxmemoryPolicy = maxmemoryPolicy
    }

    /// Reads sections of INFO: `name:value` lines, what is unknown left alone.
    package init(sections: [String]) {
        var fields: [Substring: Substring] = [:]
        for line in sections.joined(separator: "\n").split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = line[line.index(after: colon)...]
        }
        self.runID = fields["run_id"].map { String($0) } ?? ""
        self.version = fields["redis_version"].map { String($0) } ?? ""
        self.maxmemoryPolicy = fields["maxmemory_policy"].map { String($0) } ?? ""
    }

    /// Nil when INFO does not tell.
    var majorVersion: Int? {
        Int(version.prefix { $0 != "." })
    }
}
