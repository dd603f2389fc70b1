// Rollcall · PresenceServer

package import Logging
package import NIOCore
import ServiceLifecycle

/// Ends the streams when the node is told to stop, before the server is: it would wait for them for ever.
///
/// It stands last in the service group, so it is told first.
package struct Drain: Service {
    private let registry: StreamRegistry
    private let time: TimeAmount
    private let logger: Logger

    package init(registry: StreamRegistry, over time: TimeAmount, logger: Logger) {
        self.registry = registry
        self.time = time
        self.logger = logger
    }

    package func run() async throws {
        try? await gracefulShutdown()
        logger.info("Ending streams", metadata: ["seconds": "\(time.nanoseconds / 1_000_000_000)"])
        await registry.drain(over: time)
    }
}
