// Rollcall · PresenceServer

import HTTPTypes
import Hummingbird

/// Lets pages of any origin call the service, without credentials, and answers `OPTIONS`.
struct CrossOrigin: Sendable {
    /// What a page may read besides the few fields that every page may.
    private static let exposed = "ETag, Link, Location, Retry-After, X-Request-Id"
    /// What a page may send besides the few fields that every page may.
    private static let accepted =
        "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, X-Request-Id"

    /// Adds what a browser wants to see on every answer, problems included.
    func apply(to headers: inout HTTPFields, of request: Request) {
        // Also without an Origin: a cache may hand the answer to a page later.
        headers[.accessControlAllowOrigin] = "*"
        if request.headers.contains(.origin) && request.method != .options {
            headers[.accessControlExposeHeaders] = Self.exposed
        }
    }

    /// Answers `OPTIONS`, as a preflight if it is one.
    func options(of resource: RouteTable.Resource, for request: Request) -> Response {
        let methods = resource.methods.map(\.rawValue).joined(separator: ", ")
        var response = Response(status: .noContent, headers: [.allow: methods])
        if request.headers.contains(.origin) && request.headers.contains(.accessControlRequestMethod) {
            response.headers[.accessControlAllowMethods] = methods
            response.headers[.accessControlAllowHeaders] = Self.accepted
            response.headers[.accessControlMaxAge] = "7200"
        }
        return response
    }
}
