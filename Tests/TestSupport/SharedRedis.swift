// Rollcall · TestSupport

package import LocalServices

/// The one redis-server that all tests of a run share.
///
/// The first test that needs it starts it; its guardian ends it with the test process. A test uses a prefix of its own
/// (``uniquePrefix()``); one that stops, fills or slows its server starts its own (`withLocalRedis`).
package enum SharedRedis {
    private static let server = Task { try await LocalRedis.start(port: true) }

    /// `redis+unix://…` of the shared server.
    package static var url: String {
        get async throws { try await Self.server.value.socketURL }
    }

    /// The shared server, for tests of more than its unix socket: TCP, process id, log.
    package static var redis: LocalRedis {
        get async throws { try await Self.server.value }
    }
}

/// Runs `body` with the URL of the shared redis-server.
package func withRedis<Result>(
    isolation: isolated (any Actor)? = #isolation,
    _ body: (_ url: String) async throws -> sending Result
) async throws -> sending Result {
    try await body(try await SharedRedis.url)
}

/// Returns a key prefix that no other test uses, such as `t4f9a01c2:`.
package func uniquePrefix() -> String {
    "t\(String(UInt64.random(in: .min ... .max), radix: 36)):"
}
