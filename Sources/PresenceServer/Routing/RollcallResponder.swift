// Rollcall · PresenceServer

import HTTPTypes
package import Hummingbird
import Logging
import NIOCore
import NIOHTTP1

/// Answers every request of the service: finds its route, runs it, turns errors into problems, and keeps account.
///
/// It stands where a framework's router and middlewares would, because a straight line shows the order of things and
/// because a 404, a 405 and a preflight need the same table of routes as a hit.
package struct RollcallResponder: HTTPResponder {
    package typealias Context = RollcallRequestContext

    private let table: RouteTable
    private let log = RequestLog()
    private let metrics: RequestMetrics
    private let crossOrigin = CrossOrigin()

    package init(table: RouteTable) {
        self.table = table
        self.metrics = RequestMetrics(table)
    }

    /// Answers one request.
    ///
    /// - Throws: Only `HTTPParserError`, when a body breaks HTTP itself: the framework then answers 400 and closes.
    package func respond(to request: Request, context: RollcallRequestContext) async throws -> Response {
        let start = ContinuousClock.now
        var context = context
        context.adopt(requestID: request.headers[.requestID])
        let found = self.table.resource(at: request.uri.path)
        let route = found?.0.route(for: request.method)

        var response: Response
        do {
            response = try await self.answer(request, found: found, route: route, context: &context)
        } catch let error as HTTPParserError {
            throw error
        } catch {
            response = ErrorResponse(to: error, context: context).response
        }
        self.complete(&response.headers, of: request, context)
        self.keepAccount(of: request, route, response.status, since: start, context)
        return response
    }

    /// Opens the stream that a request asks for, at once.
    ///
    /// - Returns: Nil for any other request, and for one that has errors: both are for ``respond(to:context:)``.
    func stream(for head: HTTPRequest, on channel: any Channel, logger: Logger) -> OpenedStream? {
        let start = ContinuousClock.now
        guard head.method == .get else { return nil }
        let request = Request(head: head, body: RequestBody(buffer: ByteBuffer()))
        guard let (resource, parameters) = self.table.resource(at: request.uri.path),
            let route = resource.route(for: .get), let open = route.open
        else { return nil }
        var context = RollcallRequestContext(source: .init(channel: channel, logger: logger))
        context.adopt(requestID: request.headers[.requestID])
        guard (try? self.prepare(&context, for: request, route, parameters)) != nil,
            var stream = try? open(request, context)
        else { return nil }
        stream.headers[.date] = Timestamp.now.httpDate
        self.complete(&stream.headers, of: request, context)
        stream.onBegin = { self.keepAccount(of: request, route, .ok, since: start, context) }
        return stream
    }

    /// Adds what every answer has.
    private func complete(_ headers: inout HTTPFields, of request: Request, _ context: RollcallRequestContext) {
        self.crossOrigin.apply(to: &headers, of: request)
        headers[.requestID] = context.requestID
    }

    private func keepAccount(
        of request: Request, _ route: Route?, _ status: HTTPResponse.Status, since start: ContinuousClock.Instant,
        _ context: RollcallRequestContext
    ) {
        let duration = ContinuousClock.now - start
        self.metrics.record(route, status: status, duration: duration)
        self.log.record(request, status: status, duration: duration, context: context)
    }

    private func answer(
        _ request: Request, found: (RouteTable.Resource, PathParameters)?, route: Route?,
        context: inout RollcallRequestContext
    ) async throws -> Response {
        guard let (resource, parameters) = found else {
            throw Problem(.unknownRoute, "There is nothing at \(excerpt(request.uri.path)); see /openapi.yaml.")
        }
        if request.method == .options { return self.crossOrigin.options(of: resource, for: request) }
        guard let route else {
            let allow = resource.methods.map(\.rawValue).joined(separator: ", ")
            var problem = Problem(
                .methodNotAllowed, "\(resource.path) answers \(allow), not \(excerpt(request.method.rawValue)).")
            problem.headers[.allow] = allow
            throw problem
        }
        try self.prepare(&context, for: request, route, parameters)
        guard request.method == .head else { return try await route.handler(request, context) }
        return try await route.handler(request, context).createHeadResponse()
    }

    /// Checks what no handler has to, and puts what the request's target says into its context.
    private func prepare(
        _ context: inout RollcallRequestContext, for request: Request, _ route: Route, _ parameters: PathParameters
    ) throws {
        if request.headers.contains(.ifMatch) && !route.method.isSafe && route.method != .patch {
            throw Problem(
                .invalidHeader, at: .header("If-Match"),
                "If-Match is honoured by PATCH alone; it would be ignored here.")
        }
        if request.headers.contains(.ifNoneMatch) && !route.method.isSafe {
            throw Problem(
                .invalidHeader, at: .header("If-None-Match"),
                "If-None-Match is for lists; it would be ignored here. POST tracks only who is not present.")
        }
        context.parameters = parameters
        context.query = try QueryParameters(request.uri.query)
        if let names = route.query { try context.query.requireOnly(names) }
    }
}

extension HTTPRequest.Method {
    /// Whether requests with the method only read.
    fileprivate var isSafe: Bool { self == .get || self == .head }
}
