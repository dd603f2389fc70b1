// Rollcall · TestSupport

import AsyncHTTPClient
import NIOCore

/// The HTTP client of all tests.
///
/// Never shut down: it lives as long as the test process. Streams hold their connections, so the number of connections
/// to one host is not limited as it is by default (8).
enum TestHTTP {
    static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(5), read: nil))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 100_000
        configuration.httpVersion = .http1Only
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()
}
