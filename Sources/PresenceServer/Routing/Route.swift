// Rollcall · PresenceServer

package import Access
package import HTTPTypes
package import Hummingbird
import PresenceModel

/// One operation of the contract: its method, its path, its query parameters and its handler.
package struct Route: Sendable {
    package typealias Handler = @Sendable (Request, RollcallRequestContext) async throws -> Response
    package typealias StreamHandler = @Sendable (Request, RollcallRequestContext) throws -> OpenedStream
    package typealias TicketHandler = @Sendable (Request, RollcallRequestContext) async throws -> OpenedStream
    package typealias SocketHandler = @Sendable (Request, RollcallRequestContext) throws -> OpenedSocket

    package let method: HTTPRequest.Method
    package let path: PathTemplate
    /// The `operationId` of `openapi.yaml`.
    package let operationID: String
    /// The right that the operation needs.
    package let needs: RouteNeed
    /// What the head of a request uses of its caller's rates; the query of a stream decides for GET.
    private let cost: RateCost
    /// The query parameters that the operation accepts; nil accepts any.
    package let query: Set<String>?
    /// Query parameters that are ignored, such as those that defeat caches.
    let ignoredQuery: Set<String>
    /// The body that the route reads; nil for a route that reads none.
    let body: BodyType?
    /// The fields of conditions (RFC 9110 §13.1) that a write honours; others are refused, since it would ignore them.
    let conditions: Set<HTTPField.Name>
    let handler: Handler
    /// Opens the stream of a route that answers GET with one; `handler` then answers errors and HEAD.
    let open: StreamHandler?
    /// Opens the stream for a request with a ticket; for HEAD it only checks the ticket.
    let openWithTicket: TicketHandler?
    /// Opens the socket of a route that answers GET with one; `handler` then answers other requests and errors.
    let openSocket: SocketHandler?

    package init(
        _ method: HTTPRequest.Method, _ path: String, _ operationID: String, needs: RouteNeed,
        cost: RateCost = RateCost(requests: 1), query: Set<String>? = [], body: BodyType? = nil,
        conditions: Set<HTTPField.Name> = [], handler: @escaping Handler
    ) {
        self.method = method
        self.path = PathTemplate(path)
        self.operationID = operationID
        self.needs = needs
        self.cost = cost
        self.query = query
        self.ignoredQuery = []
        self.body = body
        self.conditions = conditions
        self.handler = handler
        self.open = nil
        self.openWithTicket = nil
        self.openSocket = nil
    }

    /// A route that answers GET with a stream.
    init(
        streamAt path: String, _ operationID: String, needs: RouteNeed, query: Set<String>,
        ignoring ignored: Set<String> = [], openWithTicket: TicketHandler? = nil, open: @escaping StreamHandler
    ) {
        self.method = .get
        self.path = PathTemplate(path)
        self.operationID = operationID
        self.needs = needs
        self.cost = RateCost(requests: 1)
        self.query = query
        self.ignoredQuery = ignored
        self.body = nil
        self.conditions = []
        self.handler = { request, context in
            let stream: OpenedStream
            if let openWithTicket, context.query.has("ticket") {
                stream = try await openWithTicket(request, context)
            } else {
                stream = try open(request, context)
            }
            // The body of a stream has no length, so HEAD names none.
            var response = Response(status: .ok, headers: stream.headers)
            response.headers[.contentLength] = nil
            return response
        }
        self.open = open
        self.openWithTicket = openWithTicket
        self.openSocket = nil
    }

    /// A route that answers GET with a WebSocket; it takes any query, and reads the credential by itself.
    package init(socketAt path: String, _ operationID: String, openSocket: @escaping SocketHandler) {
        self.method = .get
        self.path = PathTemplate(path)
        self.operationID = operationID
        self.needs = .nothing
        self.cost = RateCost(requests: 1)
        self.query = nil
        self.ignoredQuery = []
        self.body = nil
        self.conditions = []
        self.handler = { request, context in
            _ = try openSocket(request, context)
            // The request has the fields of a handshake, but its connection cannot become a socket's.
            throw Problem.upgradeRequired
        }
        self.open = nil
        self.openWithTicket = nil
        self.openSocket = openSocket
    }

    /// What the head of a request for it uses of its caller's rates.
    func cost(of request: Request) -> RateCost {
        guard self.open != nil, request.method == .get, let query = try? QueryParameters(request.uri.query) else {
            return self.cost
        }
        return .ofStream(query)
    }

    /// Whether it is a probe of orchestrators and load balancers, which may use any host name.
    var isProbe: Bool { operationID == "getHealth" || operationID == "getReadiness" }

    /// Whether it is one of Phoenix clients, with parameters that their applications choose.
    var isOfSockets: Bool { openSocket != nil || operationID == "pollSocket" || operationID == "sendToSocket" }

    /// Whether pages of every origin may read the answer.
    var isPublic: Bool { operationID == "getContract" }
}

extension RateCost {
    /// What the head of a track, a put or a patch uses; its bytes are added when the body is read.
    static let track = RateCost(requests: 1, tracks: 1, bytes: 0)

    /// What a stream uses; with a key it is a track.
    static func ofStream(_ query: QueryParameters) -> RateCost {
        guard query.has("key") else { return RateCost(requests: 1) }
        return RateCost(requests: 1, tracks: 1, bytes: query.all("meta").reduce(0) { $0 + $1.utf8.count })
    }

    /// What the stream of a ticket uses; with a presence it is a track.
    static func ofStream(_ ticket: Ticket) -> RateCost {
        guard let presence = ticket.presence else { return RateCost(requests: 1) }
        return RateCost(requests: 1, tracks: 1, bytes: presence.meta?.json.count ?? 0)
    }
}
