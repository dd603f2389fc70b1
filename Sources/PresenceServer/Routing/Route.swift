// Rollcall · PresenceServer

package import HTTPTypes
package import Hummingbird

/// One operation of the contract: a method, a path, what its query may hold, and who answers.
package struct Route: Sendable {
    package typealias Handler = @Sendable (Request, RollcallRequestContext) async throws -> Response
    package typealias StreamHandler = @Sendable (Request, RollcallRequestContext) throws -> OpenedStream

    package let method: HTTPRequest.Method
    package let path: PathTemplate
    /// The `operationId` of `openapi.yaml`.
    package let operationID: String
    /// The names of the query parameters that the operation knows, any other being refused; nil takes whatever comes.
    package let query: Set<String>?
    /// Parameters that are ignored, such as those that defeat caches.
    let ignoredQuery: Set<String>
    /// What it reads as a body; nil for a route that reads none.
    let body: BodyType?
    let handler: Handler
    /// Who opens the stream, of a route that answers GET with one; `handler` then tells errors, and answers HEAD.
    let open: StreamHandler?

    package init(
        _ method: HTTPRequest.Method, _ path: String, _ operationID: String, query: Set<String>? = [],
        body: BodyType? = nil, handler: @escaping Handler
    ) {
        self.method = method
        self.path = PathTemplate(path)
        self.operationID = operationID
        self.query = query
        self.ignoredQuery = []
        self.body = body
        self.handler = handler
        self.open = nil
    }

    /// A route that answers GET with a stream.
    init(
        streamAt path: String, _ operationID: String, query: Set<String>, ignoring ignored: Set<String> = [],
        open: @escaping StreamHandler
    ) {
        self.method = .get
        self.path = PathTemplate(path)
        self.operationID = operationID
        self.query = query
        self.ignoredQuery = ignored
        self.body = nil
        self.handler = {
            // The body of a stream has no length, so HEAD names none.
            var response = Response(status: .ok, headers: try open($0, $1).headers)
            response.headers[.contentLength] = nil
            return response
        }
        self.open = open
    }

    /// Whether orchestrators and load balancers ask it, under any name.
    var isProbe: Bool { operationID == "isAlive" || operationID == "isReady" }
}
