// Rollcall · PresenceServer

package import Logging
package import NIOCore
package import ServiceLifecycle

/// The HTTP server, which ends its streams when the node is told to stop: by itself it would wait for them for ever.
///
/// Both begin to stop at once. The server takes no new connections, so that clients whose stream has ended come back to
/// another node, and closes each connection when its response has ended.
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
                logger.info("Ending streams", metadata: ["seconds": "\(time.nanoseconds / 1_000_000_000)"])
                await registry.drain(over: time)
            }
            // The first to fail ends both; a server that could not begin has no streams to wait for.
            while try await group.next() != nil {}
        }
    }
}
