// Rollcall · PresenceServer

package import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore

/// Puts a responder behind a socket.
package enum HTTPServer {
    /// Where and how a node listens.
    package struct Options: Sendable {
        package var address: BindAddress
        /// How long a connection may be kept without a request under way; a silent stream is not idle.
        package var idleTimeout = TimeAmount.seconds(60)
        /// Connections that the kernel holds until they are accepted; what exceeds it tries again by itself.
        package var backlog = 4096
        /// Connections at most, streams included; further ones wait in the backlog until one closes.
        package var maximumConnections: Int?

        package init(address: BindAddress) { self.address = address }
    }

    /// Makes the server, a service that runs until it is told to shut down and its last response has ended.
    ///
    /// - Parameter onRunning: Gets the listening channel, whose local address has the port that was bound.
    package static func application(
        _ responder: RollcallResponder, options: Options, eventLoopGroup: any EventLoopGroup, logger: Logger,
        onRunning: @escaping @Sendable (any Channel) async -> Void = { _ in }
    ) -> Application<RollcallResponder> {
        var configuration = ApplicationConfiguration(address: options.address, backlog: options.backlog)
        configuration.availableConnectionsDelegate = options.maximumConnections.map {
            MaximumAvailableConnections($0, logger: logger)
        }
        return Application(
            responder: responder,
            server: HTTPServerBuilder {
                ServedConnection(responder: $0, streams: responder, idleTimeout: options.idleTimeout)
            },
            configuration: configuration, onServerRunning: onRunning,
            eventLoopGroupProvider: .shared(eventLoopGroup), logger: logger)
    }
}
