// Rollcall · Redis

import NIOCore
import NIOSSL

/// Judges by the first bytes of a connection whether it is Redis that answers; pure.
struct RedisFirstBytesCheck: Sendable {
    private let urlName: String
    private let isSecure: Bool
    private let isLocal: Bool
    private var hasCome = false

    init(url: RedisURL, options: RedisOptions) {
        urlName = options.urlName
        isSecure = url.isSecure
        if case .unixSocket = url.address { isLocal = true } else { isLocal = false }
    }

    /// Looks at the first bytes that come; those after them may be anything.
    mutating func look(at bytes: ByteBuffer) throws(RedisError) {
        guard !hasCome else { return }
        hasCome = bytes.readableBytes > 0
        if let error = RedisError(firstBytes: bytes, urlName: urlName) { throw error }
    }

    /// Names why the connection failed.
    ///
    /// The scheme of the URL is in doubt until the server sends its first bytes or agrees on TLS.
    func explain(_ error: any Error) -> RedisError {
        let named = RedisError(connecting: error, urlName: urlName)
        guard named.code == .disconnected || named.code == .timeout, !hasCome, !isLocal,
            error as? NIOSSLError != .uncleanShutdown
        else { return named }
        return RedisError(
            named.code, "\(named.message); \(RedisError.silence(isSecure: isSecure, urlName: urlName))")
    }
}
