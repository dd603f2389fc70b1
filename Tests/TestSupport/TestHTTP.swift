// Rollcall · TestSupport

import AsyncHTTPClient
import NIOCore
import NIOSSL

/// The HTTP client of all tests.
///
/// It is never shut down: it lives as long as the test process. Streams hold their connections, so the limit of
/// connections to one host is 100,000 instead of the default 8.
enum TestHTTP {
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(60), read: nil))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 100_000
        configuration.httpVersion = .http1Only
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Uses HTTP/2 if the server does, and accepts any certificate, since tests make their own.
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
