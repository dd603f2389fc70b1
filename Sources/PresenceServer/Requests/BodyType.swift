// Rollcall · PresenceServer

import HTTPTypes
import JSONText

/// The size and the media type of a route's body, to be checked with the head of a request.
package struct BodyType: Sendable {
    /// Bytes of the longest body.
    let limit: Int
    /// The JSON media type that the route takes besides `application/json`.
    let type: String?

    init(limit: Int, type: String? = nil) {
        self.limit = limit
        self.type = type
    }

    /// Refuses a body before a byte of it is read.
    func check(_ fields: HTTPFields) throws(Problem) {
        try requireJSON(fields)
        if let length = fields[.contentLength].flatMap({ Int($0) }), length > limit { throw tooLarge }
    }

    var tooLarge: Problem {
        Problem(.bodyTooLarge, "The body has more than \(limit) bytes, which is the most this route reads.")
    }

    /// Refuses media types that are not JSON, and bodies that are compressed.
    ///
    /// A body without a media type is taken for JSON. So are the types that `curl -d` and `navigator.sendBeacon` give
    /// to every body.
    private func requireJSON(_ fields: HTTPFields) throws(Problem) {
        if let coding = fields[.contentEncoding], !FieldText.isEqual(coding.utf8, "identity") {
            var problem = Problem(
                .unsupportedMediaType, at: .header("Content-Encoding"),
                "The body is encoded (\(quoted(coding))); send it as it is.")
            problem.headers[.acceptEncoding] = "identity"
            throw problem
        }
        guard let field = fields[.contentType] else { return }
        let parts = field.split(separator: ";", omittingEmptySubsequences: false)
        let given = Self.plain(parts[0])
        guard
            ["application/json", "application/x-www-form-urlencoded", "text/plain", type].contains(given)
        else {
            let taken = ["application/json", type].compactMap(\.self).joined(separator: " or ")
            throw Problem(
                .unsupportedMediaType, at: .header("Content-Type"),
                "The body's type is \(quoted(given)); send \(taken).")
        }
        for parameter in parts.dropFirst().map(Self.plain) where parameter.hasPrefix("charset=") {
            let charset = parameter.dropFirst("charset=".count).filter { $0 != "\"" }
            guard ["utf-8", "utf8", "us-ascii"].contains(charset) else {
                throw Problem(
                    .unsupportedMediaType, at: .header("Content-Type"),
                    "The body's charset is \(quoted(charset)); JSON is UTF-8.")
            }
        }
    }

    private static func plain(_ text: Substring) -> String {
        text.lowercased().filter { $0 != " " && $0 != "\t" }
    }
}
