// Rollcall · PresenceServer

package import HTTPTypes
package import Hummingbird

/// One operation of the contract: a method, a path, what its query may hold, and who answers.
package struct Route: Sendable {
    package typealias Handler = @Sendable (Request, RollcallRequestContext) async throws -> Response

    package let method: HTTPRequest.Method
    package let path: PathTemplate
    /// The `operationId` of `openapi.yaml`.
    package let operationID: String
    /// The names of the query parameters that the operation knows, any other being refused; nil takes whatever comes.
    package let query: Set<String>?
    let handler: Handler

    package init(
        _ method: HTTPRequest.Method, _ path: String, _ operationID: String, query: Set<String>? = [],
        handler: @escaping Handler
    ) {
        self.method = method
        self.path = PathTemplate(path)
        self.operationID = operationID
        self.query = query
        self.handler = handler
    }
}
