// Rollcall · PhoenixSocket

import Basics

/// The name of a long-poll session, which its client sends with each request: the node and the session on it.
///
/// So any node can pass a request on to the node of its session. The text is signed, and names the owner of the session,
/// so that no other caller can use it. phoenix.js sends its `authToken` with polls, but not with messages: for those the
/// token alone stands for the caller, as in Phoenix.
package struct LongPollToken: Hashable, Sendable {
    /// Where the session is.
    package let node: String
    package let session: String
    /// What ``owner(_:sign:)`` makes of the caller that began the session.
    package let owner: String
    /// The end of the credential that began the session, in seconds since 1970; nil for one without an end.
    package let expiresAt: Int?

    private static let prefix = "lp_"
    /// Bytes of the longest text that is looked at.
    private static let maximumBytes = 1_024

    /// - Parameter session: Characters of base64url, as a session of a presence has them.
    package init(node: String, session: String, owner: String, expiresAt: Int?) {
        self.node = node
        self.session = session
        self.owner = owner
        self.expiresAt = expiresAt
    }

    /// Whether a text looks like a token, and so is no credential.
    package static func isToken(_ text: String) -> Bool { text.utf8.starts(with: prefix.utf8) }

    /// A name for a caller that only nodes can make, since tokens appear in the logs of proxies.
    ///
    /// - Parameters:
    ///   - subject: The name of the caller, such as `user:alice`.
    ///   - sign: Makes a code over bytes with a secret that all nodes share, such as HMAC-SHA-256.
    package static func owner(_ subject: String, sign: ([UInt8]) -> [UInt8]) -> String {
        base64(sign(Array("owner:".utf8) + subject.utf8))
    }

    /// The signed text.
    package func text(sign: ([UInt8]) -> [UInt8]) -> String {
        Self.prefix + Self.base64(payload) + "." + Self.base64(sign(Self.signed(payload)))
    }

    /// Reads a text; nil for one that was not signed, or that has ended.
    ///
    /// - Parameter now: Seconds since 1970.
    package init?(_ text: String, at now: Int, sign: ([UInt8]) -> [UInt8]) {
        guard Self.isToken(text), text.utf8.count <= Self.maximumBytes else { return nil }
        let parts = text.utf8.dropFirst(Self.prefix.utf8.count)
            .split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 2, let payload = Base64URL.decode(parts[0]), let code = Base64URL.decode(parts[1]),
            Self.areEqual(code, sign(Self.signed(payload)))
        else { return nil }
        self.init(payload: payload)
        if let expiresAt, expiresAt <= now { return nil }
    }

    /// Reads `1700000000:session:owner:node`; the name of a node may have any characters.
    private init?(payload: [UInt8]) {
        let parts = payload.split(separator: UInt8(ascii: ":"), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, let node = String(validating: parts[3], as: UTF8.self),
            let session = String(validating: parts[1], as: UTF8.self),
            let owner = String(validating: parts[2], as: UTF8.self)
        else { return nil }
        let end = decimal(parts[0])
        guard end != nil || parts[0].isEmpty else { return nil }
        self.init(node: node, session: session, owner: owner, expiresAt: end)
    }

    private var payload: [UInt8] {
        var payload: [UInt8] = []
        if let expiresAt { payload.append(decimal: expiresAt) }
        payload.append(UInt8(ascii: ":"))
        payload.append(contentsOf: session.utf8)
        payload.append(UInt8(ascii: ":"))
        payload.append(contentsOf: owner.utf8)
        payload.append(UInt8(ascii: ":"))
        payload.append(contentsOf: node.utf8)
        return payload
    }

    /// The bytes that the signature covers; no subject of ``owner(_:sign:)`` makes the same ones.
    private static func signed(_ payload: [UInt8]) -> [UInt8] { Array("token:".utf8) + payload }

    private static func base64(_ bytes: [UInt8]) -> String { String(decoding: Base64URL.encode(bytes), as: UTF8.self) }

    /// Compares in a time that does not depend on the bytes.
    private static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
