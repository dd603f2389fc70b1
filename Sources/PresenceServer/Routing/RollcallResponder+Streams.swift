// Rollcall · PresenceServer

import Access
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Requests that the gate of a connection answers, without the HTTP server.
extension RollcallResponder {
    /// Finds the stream or the socket that a request asks for, without suspending.
    ///
    /// - Parameter offersUpgrade: Whether the connection of the request can become one of another protocol.
    /// - Returns: Nil for any other request, and for one with a wrong head; ``respond(to:context:)`` answers both.
    func stream(
        for head: HTTPRequest, isChunked: Bool, offersUpgrade: Bool, on channel: any Channel, logger: Logger
    ) -> StreamOffer? {
        let start = ContinuousClock.now
        guard head.method == .get else { return nil }
        let request = Request(head: head, body: RequestBody(buffer: ByteBuffer()))
        guard let (resource, parameters) = self.table.resource(at: request.uri.path),
            let route = resource.route(for: .get)
        else { return nil }
        var context = RollcallRequestContext(source: .init(channel: channel, logger: logger))
        context.basePath = self.table.basePath
        context.adopt(requestID: request.headers[.requestID])
        context.counts = false
        if let openSocket = route.openSocket {
            return offersUpgrade ? self.socket(for: request, route, openSocket, since: start, context) : nil
        }
        guard let open = route.open else { return nil }
        do {
            try self.origins.check(name: head.authority)
            try self.prepare(&context, for: request, route, parameters)
            guard let openWithTicket = route.openWithTicket, context.query.has("ticket") else {
                var stream = try open(request, context)
                // Last, so that a request with an error counts once: when the server answers it.
                context.allowance = try self.limits?.admit(
                    context.caller, .ofStream(context.query), for: head, on: channel)
                stream.isChunked = isChunked
                self.complete(&stream, of: request, at: resource, route, since: start, context)
                return .opened(stream)
            }
            return .awaited { [context] in
                do {
                    var stream = try await openWithTicket(request, context)
                    stream.isChunked = isChunked
                    self.complete(&stream, of: request, at: resource, route, since: start, context)
                    return .stream(stream)
                } catch {
                    self.limits?.note(error)
                    return try await self.refusal(
                        for: error, of: request, at: resource, route, since: start, context)
                }
            }
        } catch {
            // The server calls `respond` for the same request, and answers with the same error.
            return nil
        }
    }

    /// Finds the socket that a request asks for; nil for one with a wrong head.
    private func socket(
        for request: Request, _ route: Route, _ openSocket: Route.SocketHandler,
        since start: ContinuousClock.Instant, _ context: RollcallRequestContext
    ) -> StreamOffer? {
        do {
            try self.origins.check(name: request.head.authority)
            var socket = try openSocket(request, context)
            let allowance = try self.limits?.admit(
                socket.caller, RateCost(requests: 1), for: request.head, on: context.channel)
            allowance?.write(to: &socket.headers)
            socket.headers[.requestID] = context.requestID
            socket.onBegin = { [context] in
                self.record(of: request, route, .switchingProtocols, since: start, context)
            }
            return .socket(socket)
        } catch {
            // The server calls `respond` for the same request, and answers with the same error.
            return nil
        }
    }

    /// Adds what every stream has.
    private func complete(
        _ stream: inout OpenedStream, of request: Request, at resource: RouteTable.Resource, _ route: Route,
        since start: ContinuousClock.Instant, _ context: RollcallRequestContext
    ) {
        stream.headers[.date] = Timestamp.now.httpDate
        self.complete(&stream.headers, of: request, at: resource, context)
        stream.onBegin = { self.record(of: request, route, .ok, since: start, context) }
    }

    /// Makes the answer to a request with a ticket that opens nothing.
    private func refusal(
        for error: any Error, of request: Request, at resource: RouteTable.Resource, _ route: Route,
        since start: ContinuousClock.Instant, _ context: RollcallRequestContext
    ) async throws -> StreamAnswer {
        var response = ErrorResponse(to: error, context: context).response
        self.complete(&response.headers, of: request, at: resource, context)
        response.headers[.date] = Timestamp.now.httpDate
        response.headers[.connection] = "close"
        self.record(of: request, route, response.status, since: start, context)
        return .refusal(response.head, body: try await response.body.gathered())
    }
}
