// Rollcall · Redis

/// The address of a Redis, with credentials and database.
///
/// `redis://[user]:password@host:port/db`, `rediss://…` (TLS), `redis+unix://[user]:password@/path.sock?db=1`; `valkey`
/// may stand for `redis`.
package struct RedisURL: Sendable, Hashable {
    package enum Address: Sendable, Hashable {
        case host(String, port: Int)
        case unixSocket(path: String)
    }

    package let address: Address
    package let isSecure: Bool
    package let credentials: RedisCredentials?
    package let database: Int

    /// Reads the text, without the white space around it.
    ///
    /// An error names the part that is wrong and never repeats a value, which may be a password.
    package init(_ text: String) throws(RedisError) {
        let parts = try RedisURLParts(text)
        switch parts.scheme {
        case "redis", "rediss", "valkey", "valkeys":
            let (host, port) = try Self.hostAndPort(parts.authority)
            self.address = .host(host, port: port)
            self.isSecure = parts.scheme == "rediss" || parts.scheme == "valkeys"
            self.database = try Self.database(path: parts.path, query: parts.query)
        case "redis+unix", "valkey+unix", "unix":
            guard parts.authority.isEmpty else {
                throw .invalidURL("it has a host, but a unix socket is written redis+unix:///path/to.sock")
            }
            guard parts.path.count > 1 else {
                throw .invalidURL("its path is missing; a unix socket is written redis+unix:///path/to.sock")
            }
            self.address = .unixSocket(path: try RedisURLParts.decoded(parts.path, of: "path"))
            self.isSecure = false
            self.database = try Self.database(path: "", query: parts.query)
        case "redis+cluster", "redis+sentinel", "redis-sentinel", "redis-cluster", "rediss+cluster",
            "rediss+sentinel":
            throw .invalidURL("its scheme names a Cluster or Sentinels; name one primary with redis:// or rediss://")
        default:
            throw .invalidURL("its scheme is none of redis, rediss, valkey, valkeys, redis+unix, valkey+unix")
        }
        self.credentials = try parts.userinfo.flatMap(Self.credentials)
    }
}

extension RedisURL: CustomStringConvertible, CustomDebugStringConvertible {
    /// The address; `***@` stands for credentials.
    package var description: String {
        let secret = credentials == nil ? "" : "***@"
        return switch address {
        case .host(let host, let port):
            (isSecure ? "rediss://" : "redis://") + secret
                + (host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)") + "/\(database)"
        case .unixSocket(let path):
            "redis+unix://" + secret + path + (database == 0 ? "" : "?db=\(database)")
        }
    }

    package var debugDescription: String { description }
}

extension RedisURL {
    /// The largest number of a database that Redis can have.
    private static let largestDatabase = Int(Int32.max)

    private static func credentials(_ userinfo: Substring) throws(RedisError) -> RedisCredentials? {
        guard let colon = userinfo.firstIndex(of: ":") else {
            guard !userinfo.isEmpty else { return nil }
            throw .invalidURL("it has a user without a password; a password alone is written :password@")
        }
        let user = try RedisURLParts.decoded(userinfo[..<colon], of: "user")
        let password = try RedisURLParts.decoded(userinfo[userinfo.index(after: colon)...], of: "password")
        guard !user.isEmpty || !password.isEmpty else { return nil }
        return RedisCredentials(user: user.isEmpty ? nil : user, password: password)
    }

    private static func hostAndPort(_ authority: Substring) throws(RedisError) -> (String, Int) {
        guard !authority.contains(",") else { throw .invalidURL("it names several hosts; name one primary") }
        var text = authority
        var port: Substring?
        let isBracketed = authority.first == "["
        if isBracketed {
            guard let end = authority.firstIndex(of: "]") else { throw .invalidURL("the [ of its host has no ]") }
            text = authority[..<end].dropFirst()
            let rest = authority[authority.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else {
                throw .invalidURL("after the ] of its host only :port may follow")
            }
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = authority.firstIndex(of: ":") {
            text = authority[..<colon]
            port = authority[authority.index(after: colon)...]
            guard port?.contains(":") != true else {
                throw .invalidURL("its host has several colons; an IPv6 address is written in brackets, such as [::1]")
            }
        }
        let number = try port.map { (digits) throws(RedisError) in
            guard let number = wholeNumber(digits), (1...65_535).contains(number) else {
                throw .invalidURL("its port is not a number from 1 to 65535")
            }
            return number
        }
        let host = try RedisURLParts.decoded(text, of: "host")
        guard !host.isEmpty else { throw .invalidURL("its host is missing") }
        guard host.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }),
            !host.contains(where: { "/?#@<>\"\\^`{|}$".contains($0) })
        else { throw .invalidURL("its host has a character that no host name has") }
        guard host.contains(":") == isBracketed else {
            throw .invalidURL("the host in brackets is no IPv6 address")
        }
        return (host, number ?? 6379)
    }

    /// Reads `/1` or `?db=1`, the only things that may follow the host.
    private static func database(path: Substring, query: Substring) throws(RedisError) -> Int {
        var number: Int?
        let segment = path.drop { $0 == "/" }
        if !segment.isEmpty {
            let digits = segment.last == "/" ? segment.dropLast() : segment
            guard let found = wholeNumber(digits), found <= largestDatabase else {
                throw .invalidURL("its database, the part after the host, is not a number from 0 to \(largestDatabase)")
            }
            number = found
        }
        for parameter in query.split(separator: "&") {
            let name = parameter.prefix { $0 != "=" }
            guard name == "db" else {
                throw .invalidURL("its query has \(shown(name)); db is the only parameter\(hint(name))")
            }
            guard number == nil else { throw .invalidURL("it names a database twice") }
            guard let found = wholeNumber(parameter.dropFirst(3)), found <= largestDatabase else {
                throw .invalidURL("its query parameter db is not a number from 0 to \(largestDatabase)")
            }
            number = found
        }
        return number ?? 0
    }

    /// How errors show the name of a parameter, which may be a part of a password: only if it looks like a name.
    private static func shown(_ name: Substring) -> String {
        let isName =
            !name.isEmpty && name.utf8.count <= 32
            && name.utf8.allSatisfy { (0x61...0x7a).contains($0) || $0 == 0x5f || $0 == 0x2d }
        return isName && name.endIndex < name.base.endIndex && name.base[name.endIndex] == "="
            ? "the unknown parameter \(name)" : "something unknown"
    }

    private static func hint(_ name: Substring) -> String {
        ["ssl", "tls", "cert"].contains { name.lowercased().contains($0) }
            ? "; files for TLS are named by ROLLCALL_REDIS_CA_FILE, ROLLCALL_REDIS_CERT_FILE and ROLLCALL_REDIS_KEY_FILE"
            : ""
    }

    private static func wholeNumber(_ digits: Substring) -> Int? {
        digits.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(digits) : nil
    }
}

extension RedisError {
    static func invalidURL(_ reason: String) -> RedisError {
        RedisError(.invalidSettings, "the Redis URL cannot be used: \(reason)")
    }
}

/// A user and a password; no description, dump or log shows them.
package struct RedisCredentials: Sendable, Hashable {
    /// Nil for the default user; AUTH then has the form that servers before 6.0 know too.
    package let user: String?
    package let password: String

    package init(user: String? = nil, password: String) {
        self.user = user
        self.password = password
    }
}

extension RedisCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "***" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection()) }
}
