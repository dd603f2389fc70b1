// Rollcall · PresenceServer

package import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore

/// Builds the HTTP server of a node: a listening socket and the responder that answers its requests.
package enum HTTPServer {
    /// The address and the bounds of the server.
    package struct Options: Sendable {
        package var address: BindAddress
        /// The time-outs of a connection; an open stream has no idle time.
        package var times = ConnectionTimes()
        /// The certificate of the server; nil for HTTP in clear text.
        package var tls: ServerTLS?
        /// Bytes of request bodies that the node holds at once.
        package var bodyBudget = 64 << 20
        /// Connections that the kernel holds until they are accepted; beyond them, the TCP stack of a client tries
        /// again by itself.
        package var backlog = 4096
        /// Open connections at most, streams included; nil for no limit.
        ///
        /// Up to twice ``HTTPServer/reservedConnections(for:)`` further ones serve probes only.
        package var maximumConnections: Int?
        /// Whether the metrics about connections of clients show those of this server.
        package var isMeasured = true
        /// The limits of callers; here those on the connections of an address.
        package var limits = LimitOptions()

        package init(address: BindAddress) { self.address = address }
    }

    /// The connections beyond a maximum that a node keeps for probes.
    package static func reservedConnections(for maximum: Int) -> Int { ConnectionPlaces.reserve(for: maximum) }

    /// Makes the server, a service that runs until a graceful shutdown is triggered and its last response has ended.
    ///
    /// - Parameters:
    ///   - budget: The budget of all servers of a node; nil makes one of `bodyBudget` bytes.
    ///   - onRunning: Called with the listening channel; its local address has the bound port.
    package static func application(
        _ responder: RollcallResponder, options: Options, budget: BodyBudget? = nil,
        eventLoopGroup: any EventLoopGroup, logger: Logger,
        onRunning: @escaping @Sendable (any Channel) async -> Void = { _ in }
    ) -> Application<RollcallResponder> {
        let budget = budget ?? BodyBudget(limit: options.bodyBudget)
        let places = ConnectionPlaces(maximum: options.maximumConnections, limits: options.limits)
        return Application(
            responder: responder,
            server: HTTPServerBuilder {
                ServedConnection(
                    responder: $0, routes: responder, times: options.times, budget: budget, tls: options.tls,
                    places: places)
            },
            configuration: ApplicationConfiguration(address: options.address, backlog: options.backlog),
            onServerRunning: { channel in
                await AcceptGate.install(
                    in: channel, maximumConnections: options.maximumConnections, isMeasured: options.isMeasured,
                    logger: logger)
                await onRunning(channel)
            },
            eventLoopGroupProvider: .shared(eventLoopGroup), logger: logger)
    }
}
