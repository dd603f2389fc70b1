// Rollcall · PresenceServer

import HTTPTypes
import Hummingbird

/// Lets pages of any origin call the service without credentials, and answers `OPTIONS`.
struct CrossOrigin: Sendable {
    /// Response fields that a page may read besides those that Fetch always allows.
    private static let exposed = "ETag, Link, Location, Retry-After, WWW-Authenticate, X-Request-Id"
    /// Request fields that a page may send besides those that Fetch always allows.
    private static let accepted =
        "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, X-Request-Id"
    /// Names that a preflight may ask for besides `accepted`; further ones are ignored.
    private static let mostAskedFor = 32
    private static let longestName = 64

    /// Adds the fields that a browser needs on every answer, problems included.
    func apply(to headers: inout HTTPFields, hasOrigin: Bool, method: HTTPRequest.Method?) {
        // Also without an Origin, because a cache may give the answer to a page later.
        headers[.accessControlAllowOrigin] = "*"
        headers[.xContentTypeOptions] = "nosniff"
        if hasOrigin && method != .options { headers[.accessControlExposeHeaders] = Self.exposed }
    }

    /// Answers `OPTIONS`, as a preflight if it is one.
    func options(of methods: [HTTPRequest.Method], for request: Request) -> Response {
        let methods = methods.map(\.rawValue).joined(separator: ", ")
        var response = Response(status: .noContent, headers: [.allow: methods])
        if request.headers.contains(.origin) && request.headers.contains(.accessControlRequestMethod) {
            response.headers[.accessControlAllowMethods] = methods
            response.headers[.accessControlAllowHeaders] =
                Self.accepted + Self.askedFor(request.headers[.accessControlRequestHeaders] ?? "")
            response.headers[.accessControlMaxAge] = "7200"
            response.headers[.vary] = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
            if request.headers[.accessControlRequestPrivateNetwork] == "true" {
                response.headers[.accessControlAllowPrivateNetwork] = "true"
            }
        }
        return response
    }

    /// The well-formed names that a preflight asks for, such as those of tracing: `, traceparent, baggage`.
    private static func askedFor(_ value: String) -> String {
        var names = ""
        var count = 0
        FieldText.forEachMember(of: value) { member in
            guard count < mostAskedFor, member.count <= longestName, FieldText.isToken(member) else { return }
            count += 1
            names += ", \(Substring(member))"
        }
        return names
    }
}
