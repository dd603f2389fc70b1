// Rollcall · PresenceServer

import Access
import Foundation
import HTTPTypes
package import Hummingbird
import Logging
import NIOCore
import PhoenixSocket
package import PresenceFeed
package import PresenceModel
package import PresenceStore

/// Answers requests of Phoenix clients for sockets.
package struct SocketRoutes: Sendable {
    let services: SocketServices
    private let origins: OriginPolicy

    package init(
        hub: FeedHub, store: PresenceStore, leases: LeaseKeeper, registry: StreamRegistry, origins: OriginPolicy,
        limits: Limits, callerLimits: RequestLimits? = nil, options: StreamOptions,
        reading: SocketReading = SocketReading()
    ) {
        services = SocketServices(
            hub: hub, store: store, leases: leases, registry: registry, limits: limits, callerLimits: callerLimits,
            options: options, reading: reading)
        self.origins = origins
    }

    /// Answers `GET /socket/websocket` and `GET /socket`.
    ///
    /// The rights are asked for at each join.
    package func open(_ request: Request, context: RollcallRequestContext) throws -> OpenedSocket {
        let parameters = SocketParameters(query: request.uri.query)
        let protocols = SocketProtocols(request.headers[values: .secWebSocketProtocol])
        let opening = try authenticate(request, parameters, authToken: protocols.authToken, context)
        try services.callerLimits?.checkStocks(of: opening.caller, topics: 0)
        let handshake = try SocketHandshake(request.headers)
        return OpenedSocket(handshake, subprotocol: protocols.answer, caller: opening.caller) {
            [services, logger = context.logger] channel, head in
            let socket = ClientSocket(
                opening.options, parameters, caller: opening.caller, subjects: opening.subjects, services: services,
                loop: channel.eventLoop, logger: logger)
            socket.assumeIsolated { socket in
                do {
                    try socket.begin(on: channel, opening: head) {
                        services.registry.noteUnboundedSilence($0, logger: logger)
                    }
                } catch {
                    return logger.debug(
                        "sockets: connection closed before its socket began", metadata: ["error": "\(error)"])
                }
                services.registry.keep(socket)
                services.callerLimits?.keep(socket, of: opening.caller)
            }
        }
    }

    /// What a request for a socket is allowed.
    struct Opening: Sendable {
        let options: SocketOptions
        let caller: Caller
        let subjects: [RateSubject]
    }

    /// Checks a request for a socket: its page, its version and its credential.
    ///
    /// - Parameter authToken: The credential outside the query, which wins; nil for none.
    func authenticate(
        _ request: Request, _ parameters: SocketParameters, authToken: String?, _ context: RollcallRequestContext
    ) throws(Problem) -> Opening {
        try origins.check(write: request.head, from: ClientAddress(context.channel.remoteAddress))
        guard let options = SocketOptions(parameters) else {
            throw Problem(.socketRefused, "vsn is 2.0.0 or 1.0.0.")
        }
        let caller = try self.caller(of: request, authToken ?? parameters.credential, context)
        if caller.identity != .open { try services.registry.credentials.requireRevocations() }
        guard let limits = services.callerLimits else { return Opening(options: options, caller: caller, subjects: []) }
        if context.counts {
            _ = try limits.admit(caller, RateCost(requests: 1), for: request.head, on: context.channel)
        }
        return Opening(
            options: options, caller: caller, subjects: limits.subjects(of: caller, request.head, context.channel))
    }

    /// Admits a request that the token of a long-poll session stands for; its address is counted.
    func admitWithToken(_ request: Request, _ context: RollcallRequestContext) throws(Problem) {
        try origins.check(write: request.head, from: ClientAddress(context.channel.remoteAddress))
        _ = try services.callerLimits?.admit(.open, RateCost(requests: 1), for: request.head, on: context.channel)
    }

    /// Finds the caller.
    ///
    /// - Parameter token: The credential of the socket; without one, that of the request counts.
    func caller(
        of request: Request, _ token: String?, _ context: RollcallRequestContext
    ) throws(Problem) -> Caller {
        let limits = services.callerLimits
        do throws(Refusal) {
            return try services.registry.credentials.caller(
                authorization: token.map { "Bearer \($0)" } ?? request.headers[.authorization],
                at: Date().timeIntervalSince1970
            ) { () throws(Refusal) in
                if let limits { try limits.checkFailures(of: request.head, on: context.channel) }
            }
        } catch {
            guard case .unauthenticated(let detail) = error else { throw Problem(error) }
            // Clients of sockets do not know 401: browsers show no status, and phoenix.js reads none.
            var problem = Problem(
                .socketRefused,
                detail ?? "A socket needs a credential: authToken, the parameter token, or Authorization: Bearer.")
            if detail != nil, context.counts {
                limits?.noteFailure(of: request.head, on: context.channel, &problem.headers)
            }
            throw problem
        }
    }
}
