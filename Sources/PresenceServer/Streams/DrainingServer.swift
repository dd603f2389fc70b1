// Rollcall · PresenceServer

package import Logging
package import NIOCore
package import ServiceLifecycle

/// Runs the HTTP server, and ends all streams at a graceful shutdown: the server alone would wait for them for ever.
///
/// The server stops accepting connections at the same moment, so clients reconnect to another node. It closes each
/// connection when its response has ended.
package struct DrainingServer: Service {
    private let server: any Service
    private let registry: StreamRegistry
    private let time: TimeAmount
    private let logger: Logger

    package init(_ server: any Service, registry: StreamRegistry, over time: TimeAmount, logger: Logger) {
        self.server = server
        self.registry = registry
        self.time = time
        self.logger = logger
    }

    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            group.addTask {
                do { try await gracefulShutdown() } catch { return }
                logger.info("streams: draining", metadata: ["seconds": "\(time.nanoseconds / 1_000_000_000)"])
                await registry.drain(over: time)
            }
            // An error of one task cancels the other: a server that could not start has no streams to drain.
            while try await group.next() != nil {}
        }
    }
}
