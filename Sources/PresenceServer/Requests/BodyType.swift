// Rollcall · PresenceServer

import HTTPTypes
import JSONText

/// The size and the media type of a route's body, to be checked with the head of a request.
package struct BodyType: Sendable {
    /// Bytes of the longest body.
    let limit: Int
    /// The JSON media type that the route takes besides `application/json`.
    let type: String?
    /// Whether the body is no JSON, or need not be declared as such.
    private let takesAnyType: Bool

    init(limit: Int, type: String? = nil) {
        self.limit = limit
        self.type = type
        takesAnyType = false
    }

    private init(anyTypeUpTo limit: Int) {
        self.limit = limit
        type = nil
        takesAnyType = true
    }

    /// A body of any media type, for a route that refuses foreign pages by their `Origin`.
    static func anyType(limit: Int) -> BodyType { BodyType(anyTypeUpTo: limit) }

    /// Refuses a body before a byte of it is read.
    func check(_ fields: HTTPFields) throws(Problem) {
        if !takesAnyType { try requireJSON(fields) }
        if let length = fields[.contentLength].flatMap({ Int($0) }), length > limit { throw tooLarge }
    }

    var tooLarge: Problem {
        Problem(.bodyTooLarge, "The body has more than \(limit) bytes, which is the most this route reads.")
    }

    /// Refuses media types that are not JSON, and bodies that are compressed.
    ///
    /// A body without a media type is taken for JSON, and so are the types that `curl -d` and `navigator.sendBeacon`
    /// give to every body. But a page must name a JSON type, its own or not: a browser sends the others for any page
    /// without a preflight, so only a JSON type shows that the node has allowed the page.
    private func requireJSON(_ fields: HTTPFields) throws(Problem) {
        if let coding = fields[.contentEncoding], !FieldText.isEqual(coding.utf8, "identity") {
            var problem = Problem(
                .unsupportedMediaType, at: .header("Content-Encoding"),
                "The body is encoded (\(quoted(coding))); send it as it is.")
            problem.headers[.acceptEncoding] = "identity"
            throw problem
        }
        let isForPage = fields.contains(.origin) || fields.contains(.secFetchSite)
        guard let field = fields[.contentType] else {
            if isForPage, Self.hasBody(fields) { throw unsupported("The body has no type; a page sends \(taken).") }
            return
        }
        let parts = field.split(separator: ";", omittingEmptySubsequences: false)
        let given = Self.plain(parts[0])
        guard
            given == "application/json" || given == type
                || !isForPage && ["application/x-www-form-urlencoded", "text/plain"].contains(given)
        else {
            throw unsupported("The body's type is \(quoted(given)); \(isForPage ? "a page sends" : "send") \(taken).")
        }
        for parameter in parts.dropFirst().map(Self.plain) where parameter.hasPrefix("charset=") {
            let charset = parameter.dropFirst("charset=".count).filter { $0 != "\"" }
            guard ["utf-8", "utf8", "us-ascii"].contains(charset) else {
                throw unsupported("The body's charset is \(quoted(charset)); JSON is UTF-8.")
            }
        }
    }

    /// The JSON media types of the route, for texts.
    private var taken: String { ["application/json", type].compactMap(\.self).joined(separator: " or ") }

    private func unsupported(_ detail: String) -> Problem {
        Problem(.unsupportedMediaType, at: .header("Content-Type"), detail)
    }

    /// Whether bytes of a body follow the head.
    private static func hasBody(_ fields: HTTPFields) -> Bool {
        fields.contains(.transferEncoding) || (fields[.contentLength].map { Int($0) != 0 } ?? false)
    }

    private static func plain(_ text: Substring) -> String {
        text.lowercased().filter { $0 != " " && $0 != "\t" }
    }
}
