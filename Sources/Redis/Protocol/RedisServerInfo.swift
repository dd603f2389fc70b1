// Rollcall · Redis

/// Facts about a server, read with INFO on the same connection.
package struct RedisServerInfo: Sendable, Hashable {
    /// Older servers cannot read the first line of our scripts (`#!lua flags=allow-oom`), which has their flags.
    private static let oldestMajorVersion = 7

    static let clusterMode = RedisError(
        .unsuitableServer,
        "this server is in cluster mode (cluster-enabled yes); Rollcall needs one primary without it")

    /// New at each start of the server, and after a failover, because another server answers.
    package let runID: String
    package let version: String
    /// `noeviction` is the only policy under which presences cannot vanish; empty when INFO lacks it.
    package let maxmemoryPolicy: String
    /// `Redis`, or the name of the compatible server.
    package let product: String
    /// The version of Redis that the server is compatible with.
    private let redisVersion: String
    /// `standalone`, `cluster` or `sentinel`; empty when INFO lacks it.
    private let mode: String

    /// Reads sections of INFO: lines `name:value`, and ignores unknown names.
    package init(sections: [String]) {
        var fields: [Substring: Substring] = [:]
        for line in sections.joined(separator: "\n").split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = line[line.index(after: colon)...]
        }
        func field(_ name: Substring) -> String { fields[name].map { String($0) } ?? "" }
        let named = [("Valkey", field("valkey_version")), ("Dragonfly", field("dragonfly_version"))]
            .first { !$0.1.isEmpty }
        self.runID = field("run_id")
        self.redisVersion = field("redis_version")
        self.product = named?.0 ?? "Redis"
        self.version = named?.1 ?? redisVersion
        self.maxmemoryPolicy = field("maxmemory_policy")
        self.mode = field("redis_mode")
    }

    /// Why Rollcall cannot work with this server; nil when it can, as far as INFO shows.
    var unsuitability: RedisError? {
        switch mode {
        case "cluster":
            return Self.clusterMode
        case "sentinel":
            return RedisError(
                .unsuitableServer, "this server is a Sentinel; Rollcall needs the primary that it watches")
        default:
            guard let major = Int(redisVersion.prefix { $0 != "." }), major < Self.oldestMajorVersion else {
                return nil
            }
            return RedisError(
                .unsuitableServer,
                "this server is \(product) \(version); Redis \(Self.oldestMajorVersion).0 or newer is needed")
        }
    }
}
