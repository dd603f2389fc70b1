// Rollcall · PresenceServer

import NIOCore
package import NIOSSL
import Synchronization

/// The certificate and the key that new connections get.
///
/// A renewal replaces them. Open connections, streams among them, keep those that they began with.
package final class ServerTLS: Sendable {
    private let current: Mutex<NIOSSLContext>

    package init(_ context: NIOSSLContext) { current = Mutex(context) }

    /// The context of the next connection.
    var context: NIOSSLContext { current.withLock { $0 } }

    package func replace(with context: NIOSSLContext) { current.withLock { $0 = context } }

    /// Makes a context for TLS 1.2 and 1.3, and for HTTP/1.1, which is all that a node speaks.
    ///
    /// - Throws: `NIOSSLError.failedToLoadPrivateKey` if the key does not fit the first certificate.
    package static func context(chain: [NIOSSLCertificate], key: NIOSSLPrivateKey) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        // A close waits for the client's own end of TLS, and a client that is gone sends none.
        configuration.shutdownTimeout = .seconds(1)
        return try NIOSSLContext(configuration: configuration)
    }
}
