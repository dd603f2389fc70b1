// Rollcall · PresenceServer

import Access
package import Basics
package import HTTPTypes
package import Hummingbird
import NIOCore
package import PresenceModel

/// The answer to a request that failed, as RFC 9457 problem JSON.
///
/// Handlers throw it; ``RollcallResponder`` turns it, and every other error, into a response.
package struct Problem: Error, Sendable {
    package let kind: ProblemKind
    package let detail: String
    /// Every wrong field that was found, not only the first.
    package var errors: [FieldError] = []
    /// The present ref of the presence, for a 409 or a 412.
    package var ref: Ref?
    /// The right that the caller lacks, for a 403.
    var missing: MissingRight?
    /// The limit that the caller has reached, for a 429 and some 403.
    var limit: ReachedLimit?
    /// Header fields that belong to the answer, such as `Allow` and `Retry-After`.
    package var headers: HTTPFields = [:]

    package init(_ kind: ProblemKind, _ detail: String, errors: [FieldError] = [], ref: Ref? = nil) {
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.ref = ref
    }

    /// A problem of one field; its detail is the field's.
    package init(_ kind: ProblemKind, at location: FieldError.Location, _ detail: String) {
        self.init(kind, detail, errors: [FieldError(location, detail)])
    }

    /// The problem as JSON, without a newline at its end.
    ///
    /// - Parameters:
    ///   - instance: The id of the request that it answers; every character of an id may stand in a URN (RFC 8141 §2).
    ///   - base: The path that is put before its `type`.
    package func json(instance: String, under base: BasePath = .root) -> [UInt8] {
        var json = JSONObjectWriter()
        json.string("type", base.text + self.kind.type)
        json.string("title", self.kind.title)
        json.int("status", self.kind.status.code)
        json.string("detail", self.detail)
        json.string("instance", "urn:rollcall:request:" + instance)
        if let ref { json.string("phx_ref", ref.text) }
        if let missing { json.object("missing", missing.write) }
        if let limit {
            json.string("limit", limit.name)
            if let maximum = limit.maximum { json.int("maximum", maximum) }
        }
        if !self.errors.isEmpty {
            json.array("errors", self.errors) { error, element in
                element.string(error.member.name, error.member.value)
                element.string("detail", error.detail)
            }
        }
        return json.finish()
    }

    package func response(instance: String, under base: BasePath) -> Response {
        var response = Response.json(self.json(instance: instance, under: base), status: self.kind.status)
        response.headers[.contentType] = "application/problem+json"
        response.headers[.cacheControl] = "no-store"
        for field in self.headers { response.headers[field.name] = field.value }
        return response
    }
}

extension Problem {
    /// The problem of an error of the domain.
    package init(_ error: InputError) {
        self.init(ProblemKind(error), error.detail, errors: [FieldError(error)])
    }

    /// The 503 of a store that cannot answer now, with `Retry-After`.
    static func unavailable(_ detail: String) -> Problem {
        var problem = Problem(.unavailable, detail)
        problem.headers[.retryAfter] = "1"
        return problem
    }

    static func absent(_ detail: String = "Nothing is present under this topic, key and session.") -> Problem {
        Problem(.presenceAbsent, detail)
    }
}
