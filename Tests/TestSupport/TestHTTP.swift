// Rollcall · TestSupport

import AsyncHTTPClient
import NIOCore
import NIOSSL

/// The HTTP client of all tests.
///
/// Never shut down: it lives as long as the test process. Streams hold their connections, so the number of connections
/// to one host is not limited as it is by default (8).
enum TestHTTP {
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(60), read: nil))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 100_000
        configuration.httpVersion = .http1Only
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Speaks HTTP/2 where the server does, and takes the certificate that a test has made.
    private static let encrypted: HTTPClient = {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification = .none
        return HTTPClient(
            eventLoopGroupProvider: .singleton,
            configuration: HTTPClient.Configuration(
                tlsConfiguration: tls, redirectConfiguration: .disallow,
                timeout: .init(connect: .seconds(60), read: nil)))
    }()

    static func client(for url: String) -> HTTPClient { url.hasPrefix("https:") ? Self.encrypted : Self.client }
}
