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
        /// How long a connection may take for what; a silent stream is not idle.
        package var times = ConnectionTimes()
        /// Bytes of request bodies that the node holds at once.
        package var bodyBudget = 64 << 20
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
        let budget = BodyBudget(limit: options.bodyBudget)
        return Application(
            responder: responder,
            server: HTTPServerBuilder {
                ServedConnection(responder: $0, routes: responder, times: options.times, budget: budget)
            },
            configuration: ApplicationConfiguration(address: options.address, backlog: options.backlog),
            onServerRunning: { channel in
                await AcceptGate.install(in: channel, limit: options.maximumConnections, logger: logger)
                await onRunning(channel)
            },
            eventLoopGroupProvider: .shared(eventLoopGroup), logger: logger)
    }
}
