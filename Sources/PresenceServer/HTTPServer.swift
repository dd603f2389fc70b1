// Rollcall · PresenceServer

package import Hummingbird
package import Logging
package import NIOCore

/// Puts a responder behind a socket.
package enum HTTPServer {
    /// Where and how a node listens.
    package struct Options: Sendable {
        package var address: BindAddress
        /// Connections at which the node stops accepting until one closes; further ones wait in the kernel's backlog.
        package var maximumConnections: Int?
        /// How long a connection may be kept without a request under way; a silent stream is not idle.
        package var idleTimeout = TimeAmount.seconds(60)
        /// Connections that the kernel holds until they are accepted; what exceeds it tries again by itself.
        package var backlog = 4096

        package init(address: BindAddress, maximumConnections: Int? = nil) {
            self.address = address
            self.maximumConnections = maximumConnections
        }
    }

    /// Makes the server, a service that runs until it is told to shut down and its last response has ended.
    ///
    /// - Parameter onRunning: Gets the listening channel, whose local address has the port that was bound.
    package static func application(
        _ responder: RollcallResponder, options: Options, eventLoopGroup: any EventLoopGroup, logger: Logger,
        onRunning: @escaping @Sendable (any Channel) async -> Void = { _ in }
    ) -> Application<RollcallResponder> {
        var configuration = ApplicationConfiguration(address: options.address, backlog: options.backlog)
        if let maximum = options.maximumConnections {
            configuration.availableConnectionsDelegate = .maximum(maximum, logger: logger)
        }
        return Application(
            responder: responder,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [InputEndHandler()], idleTimeout: options.idleTimeout)),
            configuration: configuration, onServerRunning: onRunning, eventLoopGroupProvider: .shared(eventLoopGroup),
            logger: logger)
    }
}
