// Rollcall · rollcall

import Access
import Hummingbird
import Logging
import NIOCore
import PresenceServer
import PresenceStore
import ServiceLifecycle

extension Assembly {
    /// Connections to the port for operators at most: scrapers and probes need few, and clients must not use them up.
    static let operatorConnections = 16
    /// Sockets of operators at most: those connections, and further ones that serve probes only.
    static var operatorFiles: Int {
        operatorConnections + 2 * HTTPServer.reservedConnections(for: operatorConnections)
    }

    /// Makes the server for operators, which shows metrics, checks and revocations without a credential.
    ///
    /// - Parameter budget: The budget for bodies, which it shares with the server for clients.
    func operatorServer(
        at address: ListenAddress, store: PresenceStore, revocations: RevocationKeeper,
        checks: @escaping @Sendable () async -> [HealthCheck], credentials: Credentials,
        budget: BodyBudget, eventLoopGroup: any EventLoopGroup, logger: Logger
    ) -> any Service {
        let table = RouteTable.operators(
            store: store, revocations: revocations, options: settings.serverOptions, checks: checks,
            metrics: telemetry.metrics)
        var options = HTTPServer.Options(address: .hostname(address.host, port: address.port))
        options.times = settings.httpOptions.times
        options.maximumConnections = Self.operatorConnections
        options.isMeasured = false
        let app = HTTPServer.application(
            RollcallResponder(
                table: table, credentials: credentials, origins: OriginPolicy(listeningOn: address.host)),
            options: options, budget: budget, eventLoopGroup: eventLoopGroup, logger: logger
        ) { [self] channel in
            let url = address.url(port: channel.localAddress?.port)
            switch settings.logFormat {
            case .text: telemetry.output.write("rollcall: operator port on \(url)\n")
            case .json: logger.info("http: operator port listening", metadata: ["address": "\(url)"])
            }
        }
        return ListeningServer(server: app, address: address)
    }
}
