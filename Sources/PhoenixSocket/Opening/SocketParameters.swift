// Rollcall · PhoenixSocket

import Basics

/// The parameters of a socket, which its client gives in the query.
///
/// An application chooses the names, `a[b]=c` included, so unknown ones are ignored, and those that cannot be decoded
/// too.
package struct SocketParameters: Sendable {
    /// The names of the parameter with the credential: of Phoenix's guides, of the Python client, and of supabase.
    private static let credentials = ["token", "api_key", "apikey"]
    /// Bytes of a value that a socket keeps; every key, session and grace is shorter, and a longer text stays too long.
    private static let maximumKept = 1_024

    private var pairs: [(name: String, value: String)]

    package init(query: String?) {
        pairs = (query ?? "").split(separator: "&").compactMap { part -> (name: String, value: String)? in
            let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = try? PercentEncoding.decode(halves[0], plusIsSpace: true) else { return nil }
            guard halves.count > 1 else { return (name, "") }
            guard let value = try? PercentEncoding.decode(halves[1], plusIsSpace: true) else { return nil }
            return (name, value)
        }
    }

    /// The first value of a parameter; nil if there is none.
    package subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

    /// Those that joins read; a socket keeps no others, and so no credential.
    var ofJoins: SocketParameters {
        var parameters = self
        let names = ["key", "user_id", "name", "session", "grace"]
        parameters.pairs = names.compactMap { name -> (name: String, value: String)? in
            guard let value = self[name] else { return nil }
            return (name: name, value: String(decoding: value.utf8.prefix(Self.maximumKept), as: UTF8.self))
        }
        return parameters
    }

    /// The credential; nil if there is none.
    package var credential: String? {
        let given = pairs.filter { !$0.value.isEmpty && !LongPollToken.isToken($0.value) }
        return Self.credentials.lazy.compactMap { name in given.first { $0.name == name }?.value }.first
    }

    /// The token of a long-poll session.
    ///
    /// phoenix.js before 1.9 appends it as a second parameter `token`, behind that of the application.
    package var pollToken: String? { pairs.last { $0.name == "token" && LongPollToken.isToken($0.value) }?.value }
}
