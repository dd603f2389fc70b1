// Rollcall · Redis

import NIOCore
import NIOSSL

/// Decides by the first bytes of a connection whether the server is Redis; pure.
struct RedisFirstBytesCheck: Sendable {
    private let urlName: String
    private let isSecure: Bool
    private let isLocal: Bool
    private var hasReceived = false

    init(url: RedisURL, options: RedisOptions) {
        urlName = options.urlName
        isSecure = url.isSecure
        if case .unixSocket = url.address { isLocal = true } else { isLocal = false }
    }

    /// Throws when Redis cannot have sent the first bytes; later bytes are not checked.
    mutating func check(_ bytes: ByteBuffer) throws(RedisError) {
        guard !hasReceived else { return }
        hasReceived = bytes.readableBytes > 0
        if let error = RedisError(firstBytes: bytes, urlName: urlName) { throw error }
    }

    /// Makes the error for a failed connection.
    ///
    /// It suggests the other scheme, unless the server has sent bytes or ended TLS, or is a unix socket.
    func explain(_ error: any Error) -> RedisError {
        let named = RedisError(connecting: error, urlName: urlName)
        guard named.code == .disconnected || named.code == .timeout, !hasReceived, !isLocal,
            error as? NIOSSLError != .uncleanShutdown
        else { return named }
        return RedisError(
            named.code, "\(named.message); \(RedisError.silence(isSecure: isSecure, urlName: urlName))")
    }
}
