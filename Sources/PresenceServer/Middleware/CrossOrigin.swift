// Rollcall · PresenceServer

import HTTPTypes
import Hummingbird

/// Adds the fields that let pages of other origins read an answer (CORS), and answers `OPTIONS`.
///
/// No answer has `Access-Control-Allow-Credentials`: the service has no cookies.
struct CrossOrigin: Sendable {
    /// Response fields that a page may read besides those that Fetch always allows.
    private static let exposed =
        "ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id"
    /// Request fields that a page may send besides those that Fetch always allows.
    private static let accepted =
        "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, X-Request-Id"
    /// Names that a preflight may ask for besides `accepted`; further ones are ignored.
    private static let mostAskedFor = 32
    private static let longestName = 64

    /// Adds the fields that every answer has, problems included.
    ///
    /// - Parameter origin: The origin with pages that may read the answer, or `*` for all; nil for none.
    func apply(to headers: inout HTTPFields, allowing origin: String?) {
        headers[.xContentTypeOptions] = "nosniff"
        // Also without an Origin, because a cache may give the answer to a page later.
        if !headers.contains(.vary) { headers[.vary] = "Origin" }
        guard let origin else { return }
        headers[.accessControlAllowOrigin] = origin
        headers[.accessControlExposeHeaders] = Self.exposed
    }

    /// Answers `OPTIONS`; a preflight gets the fields that allow its request only if `isAllowed`.
    func options(of methods: [HTTPRequest.Method], for request: Request, isAllowed: Bool) -> Response {
        let methods = methods.map(\.rawValue).joined(separator: ", ")
        var response = Response(status: .noContent, headers: [.allow: methods])
        response.headers[.vary] = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
        if isAllowed && request.headers.contains(.origin) && request.headers.contains(.accessControlRequestMethod) {
            response.headers[.accessControlAllowMethods] = methods
            response.headers[.accessControlAllowHeaders] =
                Self.accepted + Self.askedFor(request.headers[.accessControlRequestHeaders] ?? "")
            response.headers[.accessControlMaxAge] = "7200"
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
