// Rollcall · Redis

package import Logging
package import NIOCore
import ServiceLifecycle

/// The one connection on which messages come.
package final class RedisSubscriber: Service, Sendable {
    package init(
        url: RedisURL, options: RedisOptions, eventLoopGroup: any EventLoopGroup, logger: Logger, probe: RedisPool?,
        onMessage: @escaping @Sendable (_ channel: ByteBuffer, _ payload: ByteBuffer) -> Void,
        onEvent: @escaping @Sendable (SubscriberEvent) -> Void = { _ in }
    ) {
    }

    package func run() async throws {
    }

    package func subscribe(_ channel: String) {
    }

    package func unsubscribe(_ channel: String) {
    }
}
