// Rollcall · PresenceServer

package import Access
import Foundation
import HTTPTypes
package import Hummingbird
import Logging
import NIOCore
import NIOHTTP1

/// Answers every request of the service: finds its route, runs it, turns errors into problems, counts and logs.
///
/// It replaces a framework's router and middlewares: one function shows the order of the steps, and a 404, a 405 and a
/// preflight need the same table of routes as a hit.
package struct RollcallResponder: HTTPResponder {
    package typealias Context = RollcallRequestContext

    let table: RouteTable
    private let log = RequestLog()
    private let metrics: RequestMetrics
    private let crossOrigin = CrossOrigin()
    let origins: OriginPolicy
    private let credentials: Credentials
    /// Holds callers to their limits; nil has none.
    let limits: RequestLimits?
    /// Counts large answers until their clients have taken them; nil counts nothing.
    private let queueBudget: QueueBudget?
    private let longestBodies: [HTTPRequest.Method: Int]

    package init(
        table: RouteTable, credentials: Credentials, origins: OriginPolicy = OriginPolicy(),
        limits: RequestLimits? = nil, queueBudget: QueueBudget? = nil
    ) {
        self.table = table
        self.credentials = credentials
        self.limits = limits
        self.queueBudget = queueBudget
        self.origins = origins
        self.longestBodies = Dictionary(
            table.routes.compactMap { route in route.body.map { (route.method, $0.limit) } }, uniquingKeysWith: max)
        self.metrics = RequestMetrics(table)
    }

    /// Bytes of the longest body that any route with the method reads.
    func longestBody(of method: HTTPRequest.Method) -> Int { self.longestBodies[method] ?? 0 }

    /// Answers one request.
    ///
    /// - Throws: Only `HTTPParserError`. No connection causes one: ``ConnectionHandler`` answers a request that breaks
    ///   HTTP, and the body then ends with another error.
    package func respond(to request: Request, context: RollcallRequestContext) async throws -> Response {
        let start = ContinuousClock.now
        var context = context
        context.basePath = self.table.basePath
        context.adopt(requestID: request.headers[.requestID])
        let found = self.table.resource(at: request.uri.path)
        let route = found?.0.route(for: request.method)

        var response: Response
        do {
            response = try await self.answer(request, found: found, route: route, context: &context)
            // Metrics are exempt, because an operator must see them on a node without room. Polls count by themselves.
            if let queueBudget, let length = response.body.contentLength, length > AnswerGate.small,
                route?.operationID != "getMetrics", route?.isOfSockets != true
            {
                try await queueBudget.count(&response, on: context.channel)
            }
        } catch let error as HTTPParserError {
            throw error
        } catch {
            self.limits?.note(error)
            response = ErrorResponse(to: error, context: context).response
        }
        self.complete(&response.headers, of: request, at: found?.0, context)
        self.record(of: request, route, response.status, since: start, context)
        return response
    }

    /// Refuses a request that waits for `100 Continue`, if its head alone is wrong (RFC 9110 §10.1.1).
    func checkBeforeBody(_ head: HTTPRequest, on channel: any Channel) throws(Problem) {
        let request = Request(head: head, body: RequestBody(buffer: ByteBuffer()))
        let found = self.table.resource(at: request.uri.path)
        if head.method == .options, self.methods(at: request.uri.path, found) != nil { return }
        let (route, parameters) = try self.route(for: request, found)
        if !route.isProbe { try self.origins.check(name: head.authority) }
        let caller = try self.caller(of: request, route, on: channel)
        if route.needs.isChecked {
            _ = try self.limits?.admit(caller, route.cost(of: request), for: head, on: channel, counts: false)
        }
        try route.needs.check(caller, parameters)
        _ = try self.query(of: request, route, on: channel)
        try route.body?.check(head.headerFields)
    }

    /// Decides whether a connection beyond a limit of connections may serve a request: only probes may be.
    ///
    /// - Returns: False if the connection must close without an answer. Then an EventSource connects again, and a proxy
    ///   tries another node; after a 503 none of them does.
    func serves(_ head: HTTPRequest, on place: ConnectionPlace) throws(Problem) -> Bool {
        if place.isRegular { return true }
        let request = Request(head: head, body: RequestBody(buffer: ByteBuffer()))
        let route = self.table.resource(at: request.uri.path)?.0.route(for: head.method)
        if route?.isProbe == true { return true }
        if case .beyondAddress(let limit) = place {
            throw .limitReached(limit, "Its address has at most \(limit.maximum ?? 0) connections to a node.")
        }
        if route?.open != nil || route?.openSocket != nil { return false }
        throw .noPlace
    }

    /// Makes the answer to a request that reaches no route.
    ///
    /// - Parameter head: The head of the request; nil if it is incomplete or malformed.
    func refuse(
        _ problem: Problem, of head: HTTPRequest?, on channel: any Channel, logger: Logger
    ) -> (head: HTTPResponse, body: ByteBuffer) {
        self.limits?.note(problem)
        let context = RollcallRequestContext(source: .init(channel: channel, logger: logger))
        var response = problem.response(instance: context.requestID, under: self.table.basePath)
        response.headers[.date] = Timestamp.now.httpDate
        self.crossOrigin.apply(
            to: &response.headers, allowing: head.flatMap { self.allowedOrigin(for: $0, at: nil) })
        response.headers[.requestID] = context.requestID
        self.metrics.record(nil, status: response.status, duration: .zero)
        if context.logs(at: .debug) {
            context.logger.debug(
                "http: request refused", metadata: ["status": "\(response.status.code)", "detail": "\(problem.detail)"])
        }
        var body = ByteBuffer(bytes: problem.json(instance: context.requestID, under: self.table.basePath))
        body.writeInteger(UInt8(ascii: "\n"))
        return (response.head, body)
    }

    /// Adds the fields that every answer has.
    func complete(
        _ headers: inout HTTPFields, of request: Request, at resource: RouteTable.Resource?,
        _ context: RollcallRequestContext
    ) {
        context.basePath.apply(to: &headers)
        self.crossOrigin.apply(to: &headers, allowing: self.allowedOrigin(for: request.head, at: resource))
        context.allowance?.write(to: &headers)
        headers[.requestID] = context.requestID
    }

    /// The origin with pages that may read the answer, or `*` for all; nil for none.
    ///
    /// A page of the node's own origin needs no permission.
    private func allowedOrigin(for head: HTTPRequest, at resource: RouteTable.Resource?) -> String? {
        if resource?.isPublic == true { return "*" }
        return self.origins.page(of: head) == .listed ? head.headerFields[.origin] : nil
    }

    func record(
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
        // An orchestrator may send its probes under any host name.
        if route?.isProbe != true { try self.origins.check(name: request.head.authority) }
        if request.method == .options, let methods = self.methods(at: request.uri.path, found) {
            let isAllowed = self.allowedOrigin(for: request.head, at: found?.0) != nil
            return self.crossOrigin.options(of: methods, for: request, isAllowed: isAllowed)
        }
        let base = self.table.basePath
        if found == nil, base != .root, request.uri.path == base.text, request.method.isSafe {
            return Self.redirect(toPageFor: request)
        }
        let (route, parameters) = try self.route(for: request, found)
        try self.prepare(&context, for: request, route, parameters)
        var response = try await route.handler(request, context)
        if request.method == .head {
            // HEAD has the length of the body that GET would get.
            let length = response.headers[.contentLength]
            response.body = ResponseBody()
            response.headers[.contentLength] = length
        }
        return response
    }

    /// The methods that `OPTIONS` lists; `*` stands for the server as a whole (RFC 9110 §9.3.7).
    private func methods(at path: String, _ found: (RouteTable.Resource, PathParameters)?) -> [HTTPRequest.Method]? {
        path == "*" ? self.table.methods : found?.0.methods
    }

    private func route(
        for request: Request, _ found: (RouteTable.Resource, PathParameters)?
    ) throws(Problem) -> (Route, PathParameters) {
        guard let (resource, parameters) = found else {
            let base = self.table.basePath.text
            throw Problem(.unknownRoute, "There is nothing at \(quoted(request.uri.path)); see \(base)/openapi.yaml.")
        }
        guard let route = resource.route(for: request.method) else {
            let allow = resource.methods.map(\.rawValue).joined(separator: ", ")
            var problem = Problem(
                .methodNotAllowed, "\(resource.path) answers \(allow), not \(quoted(request.method.rawValue)).")
            problem.headers[.allow] = allow
            throw problem
        }
        return (route, parameters)
    }

    /// Redirects a browser from the base path to the page below it, because the page has relative addresses.
    private static func redirect(toPageFor request: Request) -> Response {
        let query = request.uri.query.map { "?\($0)" } ?? ""
        return Response(status: .permanentRedirect, headers: [.location: "/" + query])
    }

    /// Checks the head of a request: its caller, the rates and the rights of the caller, its query.
    func prepare(
        _ context: inout RollcallRequestContext, for request: Request, _ route: Route, _ parameters: PathParameters
    ) throws(Problem) {
        context.caller = try self.caller(of: request, route, on: context.channel, counts: context.counts)
        if context.counts, route.needs.isChecked {
            context.allowance = try self.limits?.admit(
                context.caller, route.cost(of: request), for: request.head, on: context.channel)
        }
        try route.needs.check(context.caller, parameters)
        context.query = try self.query(of: request, route, on: context.channel)
        context.parameters = parameters
    }

    /// Finds the caller of a request, and checks that its page may write.
    ///
    /// The caller of a request with a ticket is found, and counted, later, because the ticket is in Redis.
    ///
    /// - Parameter counts: Whether a wrong credential counts against the rate of its address.
    private func caller(
        of request: Request, _ route: Route, on channel: any Channel, counts: Bool = true
    ) throws(Problem) -> Caller {
        // Before the credential, because a foreign page may not write with any.
        if !route.method.isSafe {
            try self.origins.check(write: request.head, from: ClientAddress(channel.remoteAddress))
        }
        if route.needs == .nothing { return .withoutRights }
        if try self.hasTicket(request, route) { return .withoutRights }
        let caller: Caller
        do throws(Refusal) {
            caller = try self.credentials.caller(
                authorization: request.headers[.authorization], at: Date().timeIntervalSince1970
            ) { () throws(Refusal) in
                if let limits { try limits.checkFailures(of: request.head, on: channel) }
            }
        } catch {
            var problem = Problem(error)
            if counts, case .unauthenticated(detail: _?) = error {
                self.limits?.noteFailure(of: request.head, on: channel, &problem.headers)
            }
            if route.needs == .optional { return .withoutRights }
            throw problem
        }
        // Metrics and readiness are exempt, because an operator must see them on a node that has not reached Redis.
        if caller.identity != .open, route.needs != .operatorReading, route.needs != .optional {
            try self.credentials.requireRevocations()
        }
        return caller
    }

    /// Whether a request for a stream has a ticket in place of a credential.
    ///
    /// - Throws: If its query has a credential, which proxies and browsers would log.
    private func hasTicket(_ request: Request, _ route: Route) throws(Problem) -> Bool {
        guard route.open != nil, let query = try? QueryParameters(request.uri.query) else { return false }
        for name in ["access_token", "token"] where query.has(name) {
            throw Problem(
                .invalidQuery, at: .parameter(name),
                "A stream takes no credential from its query, because queries are logged. Send Authorization: Bearer, "
                    + "or open the stream with a ticket (POST /v1/tickets).")
        }
        return query.has("ticket")
    }

    /// Checks the head of a request, and reads its query.
    private func query(
        of request: Request, _ route: Route, on channel: any Channel
    ) throws(Problem) -> QueryParameters {
        if request.headers.contains(.ifMatch) && !route.method.isSafe && !route.conditions.contains(.ifMatch) {
            throw Problem(
                .invalidHeader, at: .header("If-Match"),
                "If-Match is for PUT, PATCH, DELETE and heartbeat of one session; it would be ignored here.")
        }
        if request.headers.contains(.ifNoneMatch) && !route.method.isSafe && !route.conditions.contains(.ifNoneMatch) {
            throw Problem(
                .invalidHeader, at: .header("If-None-Match"),
                "If-None-Match is for reads, and for PUT as *; it would be ignored here. POST tracks only a session "
                    + "that is absent.")
        }
        // Sockets read what they know of a query, of which other parts may be in no encoding.
        if route.isOfSockets { return QueryParameters() }
        let query = try QueryParameters(request.uri.query)
        let hasTicket = route.open != nil && query.has("ticket")
        // A stream with a key is a presence, and a ticket may have one, so opening it is a write.
        if hasTicket || route.open != nil && query.has("key") {
            try self.origins.check(write: request.head, from: ClientAddress(channel.remoteAddress))
        }
        if hasTicket {
            try query.requireOnly(StreamRequest.parametersWithTicket)
        } else if let names = route.query {
            try query.requireOnly(names, ignoring: route.ignoredQuery)
        }
        return query
    }
}

extension Problem {
    fileprivate static var noPlace: Problem {
        var problem = Problem(.nodeFull, "The node has as many connections as it may; try again, or at another node.")
        problem.headers[.retryAfter] = "1"
        return problem
    }
}

extension HTTPRequest.Method {
    /// Whether requests with the method only read.
    fileprivate var isSafe: Bool { self == .get || self == .head }
}
