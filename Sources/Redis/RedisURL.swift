// Rollcall · Redis

/// Where a Redis is, and who we are there.
///
/// `redis://[user]:password@host:port/db`, `rediss://…` (TLS), `redis+unix://[user]:password@/path.sock?db=1`.
package struct RedisURL: Sendable, Hashable {
    package enum Address: Sendable, Hashable {
        case host(String, port: Int)
        case unixSocket(path: String)
    }

    package let address: Address
    package let isSecure: Bool
    package let credentials: RedisCredentials?
    package let database: Int

    /// Reads the text; an error says what is wrong and never repeats the text, which may hold a password.
    package init(_ text: String) throws(RedisError) {
        let parts = try Parts(text)
        self.credentials = try parts.userinfo.map(Self.credentials)
        switch parts.scheme {
        case "redis", "rediss":
            let (host, port) = try Self.hostAndPort(parts.authority)
            self.address = .host(host, port: port)
            self.isSecure = parts.scheme == "rediss"
            let segment = parts.path.drop { $0 == "/" }
            self.database = try Self.database(segment.isEmpty ? parts.query : "db=" + segment)
        case "redis+unix", "unix":
            guard parts.authority.isEmpty, parts.path.count > 1 else {
                throw Self.invalid("a unix socket is written redis+unix:///path/to.sock")
            }
            self.address = .unixSocket(path: try Self.decoded(parts.path))
            self.isSecure = false
            self.database = try Self.database(parts.query)
        default:
            throw Self.invalid("its scheme is none of redis, rediss, redis+unix")
        }
    }
}

extension RedisURL: CustomStringConvertible, CustomDebugStringConvertible {
    /// The address without the credentials, whose presence is told by `***@`.
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
    /// The raw pieces between the marks of a URL.
    private struct Parts {
        let scheme: String
        let userinfo: Substring?
        let authority: Substring
        let path: Substring
        let query: Substring

        init(_ text: String) throws(RedisError) {
            guard let mark = text.firstRange(of: "://") else {
                throw RedisURL.invalid("it does not start with redis://, rediss:// or redis+unix://")
            }
            scheme = text[..<mark.lowerBound].lowercased()
            var rest = text[mark.upperBound...]
            guard !rest.contains("#") else { throw RedisURL.invalid("it has a #, which is written %23") }
            if let question = rest.firstIndex(of: "?") {
                query = rest[rest.index(after: question)...]
                rest = rest[..<question]
            } else {
                query = ""
            }
            let slash = rest.firstIndex(of: "/") ?? rest.endIndex
            path = rest[slash...]
            // The last @, since people paste passwords that hold one.
            if let at = rest[..<slash].lastIndex(of: "@") {
                userinfo = rest[..<at]
                authority = rest[rest.index(after: at)..<slash]
            } else {
                userinfo = nil
                authority = rest[..<slash]
            }
        }
    }

    private static func credentials(_ userinfo: Substring) throws(RedisError) -> RedisCredentials {
        guard let colon = userinfo.firstIndex(of: ":") else {
            throw invalid("it has a user without a password; a password alone is written :password@")
        }
        let user = try decoded(userinfo[..<colon])
        let password = try decoded(userinfo[userinfo.index(after: colon)...])
        return RedisCredentials(user: user.isEmpty ? nil : user, password: password)
    }

    private static func hostAndPort(_ authority: Substring) throws(RedisError) -> (String, Int) {
        var host = authority
        var port: Substring?
        if authority.first == "[" {
            guard let end = authority.firstIndex(of: "]") else { throw invalid("its [ has no ]") }
            host = authority[..<end].dropFirst()
            let rest = authority[authority.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else { throw invalid("after ] only :port may follow") }
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = authority.lastIndex(of: ":") {
            host = authority[..<colon]
            port = authority[authority.index(after: colon)...]
        }
        guard let number = port.map({ UInt16($0) }) ?? 6379, number > 0 else {
            throw invalid("its port is not a number from 1 to 65535")
        }
        return (host.isEmpty ? "localhost" : try decoded(host), Int(number))
    }

    /// Reads `db=1`, the only thing that a query may say.
    private static func database(_ query: Substring) throws(RedisError) -> Int {
        guard !query.isEmpty else { return 0 }
        guard query.hasPrefix("db="), let number = Int(query.dropFirst(3)), number >= 0 else {
            throw invalid("its database is not /number or ?db=number")
        }
        return number
    }

    private static func decoded(_ text: Substring) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, digits.first != UInt8(ascii: "+"),
                let value = UInt8(Substring(digits), radix: 16)
            else { throw invalid("a % in it is not followed by two hexadecimal digits") }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw invalid("its percent-encoded bytes are not UTF-8")
        }
        return decoded
    }

    private static func invalid(_ reason: String) -> RedisError {
        RedisError(.invalidSettings, "the Redis URL cannot be used: \(reason)")
    }
}
