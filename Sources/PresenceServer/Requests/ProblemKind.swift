// Rollcall · PresenceServer

import Basics
package import HTTPTypes
import JSONText
import PresenceModel

/// The kinds of problems: the one table of their statuses, titles and `type`s.
///
/// The raw value is the last segment of a problem's `type`, a stable relative reference: `GET /problems/invalid-name`
/// explains it. A case is never renamed, because clients compare the `type`. docs/troubleshooting.md has a row for each
/// kind with what to do; a test compares.
package enum ProblemKind: String, CaseIterable, Sendable {
    case invalidName = "invalid-name"
    case invalidQuery = "invalid-query"
    case invalidHeader = "invalid-header"
    case malformedJSON = "malformed-json"
    case unknownRoute = "unknown-route"
    case presenceAbsent = "presence-absent"
    case methodNotAllowed = "method-not-allowed"
    case presenceExists = "presence-exists"
    case refMoved = "ref-moved"
    case bodyTooLarge = "body-too-large"
    case metaTooLarge = "meta-too-large"
    case unsupportedMediaType = "unsupported-media-type"
    case invalidBody = "invalid-fields"
    case internalError = "internal-error"
    case unavailable = "unavailable"
    case nodeFull = "node-full"
    case malformedRequest = "malformed-request"
    case crossSite = "cross-site"
    case unauthenticated = "unauthenticated"
    case forbidden = "forbidden"
    case removed = "removed"
    case tooManyRevocations = "too-many-revocations"
    case tokenExpired = "token-expired"
    case rateLimited = "rate-limited"
    case limitReached = "limit-reached"
    case socketRefused = "socket-refused"
    case upgradeRequired = "upgrade-required"
    case requestTimeout = "request-timeout"
    case targetTooLong = "target-too-long"
    case expectationFailed = "expectation-failed"
    case misdirected = "misdirected"
    case headTooLarge = "head-too-large"
    case notImplemented = "not-implemented"
    case versionNotSupported = "version-not-supported"

    package var status: HTTPResponse.Status {
        switch self {
        case .invalidName, .invalidQuery, .invalidHeader, .malformedJSON, .malformedRequest: .badRequest
        case .crossSite, .forbidden, .removed, .limitReached, .socketRefused: .forbidden
        case .unauthenticated, .tokenExpired: .unauthorized
        case .unknownRoute, .presenceAbsent: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .presenceExists, .tooManyRevocations: .conflict
        case .refMoved: .preconditionFailed
        case .bodyTooLarge, .metaTooLarge: .contentTooLarge
        case .unsupportedMediaType: .unsupportedMediaType
        case .invalidBody: .unprocessableContent
        case .internalError: .internalServerError
        case .unavailable, .nodeFull: .serviceUnavailable
        case .rateLimited: .tooManyRequests
        case .upgradeRequired: .upgradeRequired
        case .requestTimeout: .requestTimeout
        case .targetTooLong: .uriTooLong
        case .expectationFailed: .expectationFailed
        case .misdirected: .misdirectedRequest
        case .headTooLarge: .requestHeaderFieldsTooLarge
        case .notImplemented: .notImplemented
        case .versionNotSupported: .httpVersionNotSupported
        }
    }

    package var title: String {
        switch self {
        case .invalidName: "A topic, key or session is not a valid name"
        case .invalidQuery: "The query is not valid"
        case .invalidHeader: "A header field is not valid"
        case .malformedJSON: "The body is not JSON"
        case .unknownRoute: "There is nothing at this path"
        case .presenceAbsent: "The presence is not there"
        case .methodNotAllowed: "The method is not allowed here"
        case .presenceExists: "The session is already present"
        case .refMoved: "The presence does not have the expected ref"
        case .bodyTooLarge: "The body is too large"
        case .metaTooLarge: "The meta is too large"
        case .unsupportedMediaType: "The body's media type is not supported"
        case .invalidBody: "The request has fields that are wrong"
        case .internalError: "The server failed"
        case .unavailable: "The service cannot do this now"
        case .nodeFull: "The node has no room for this now"
        case .malformedRequest: "The request is not HTTP"
        case .crossSite: "Pages of other origins may not write"
        case .unauthenticated: "The request has no valid credential"
        case .forbidden: "The credential does not allow this"
        case .removed: "The key was removed from this topic"
        case .tooManyRevocations: "There are as many revocations as there may be"
        case .tokenExpired: "The credential of the stream has ended"
        case .rateLimited: "The caller has used up a rate"
        case .limitReached: "The caller has as much open as it may have"
        case .socketRefused: "The socket may not be opened"
        case .upgradeRequired: "This path needs a WebSocket"
        case .requestTimeout: "The request took too long"
        case .targetTooLong: "The target is too long"
        case .expectationFailed: "The expectation cannot be met"
        case .misdirected: "The node does not answer to this name"
        case .headTooLarge: "The header fields are too large"
        case .notImplemented: "The method or coding is not known"
        case .versionNotSupported: "The version of HTTP is not supported"
        }
    }

    /// The meaning of the problem and what to do about it, for readers of `GET /problems/{kind}`.
    package var explanation: String {
        switch self {
        case .invalidName:
            "Topics and keys are 1 to 256 bytes of UTF-8 without control characters; sessions match "
                + "[A-Za-z0-9_-]{1,64}. In a path, percent-encode them: a/b is a%2Fb. The member errors names the one "
                + "that is wrong."
        case .invalidQuery:
            "A query parameter is unknown on this route, is given twice, or has a value that it cannot have. "
                + "The member errors names it; /openapi.yaml lists what each route takes."
        case .invalidHeader:
            "A header field that steers this request cannot be read, or would be ignored. If-Match takes * or strong "
                + "entity tags, each a phx_ref in double quotes, and is for PUT, PATCH, DELETE and heartbeat of one "
                + "session. If-None-Match is for reads, and for PUT as *."
        case .malformedJSON:
            "The body is not one JSON value as RFC 8259 defines it, in UTF-8. The detail names where reading stopped."
        case .unknownRoute:
            "No route has this path. /openapi.yaml lists them all. A slash inside a name has to be sent as %2F."
        case .presenceAbsent:
            "Nothing is present under this topic, key and session. It was untracked, its lease ran out, or it was "
                + "never tracked. After a heartbeat's 404, track again."
        case .methodNotAllowed:
            "The path exists, the method does not. The Allow header field lists the methods that do."
        case .presenceExists:
            "POST creates, as does PUT with If-None-Match: *, and this session is already there. PUT to its own "
                + "address creates or replaces. The member phx_ref is its present ref."
        case .refMoved:
            "If-Match, or if_match in a batch, named a phx_ref that is not the present one, because another client "
                + "changed the meta; or it asked for a presence where there is none. Nothing was changed. Read the "
                + "presence, decide again, and send its present phx_ref, which is also in this problem."
        case .bodyTooLarge:
            "The body is longer than this route reads. One presence fits in 64 KiB, a batch in 4 MiB, by default."
        case .metaTooLarge:
            "The meta is longer than it may be (4 KiB by default), insignificant white space not counted. DEL, "
                + "U+0080 to U+009F, U+2028 and U+2029 are kept as escapes of six bytes. Keep large data elsewhere and "
                + "put a link in the meta."
        case .unsupportedMediaType:
            "Bodies are JSON: application/json, or application/merge-patch+json for PATCH. JSON sent as curl -d "
                + "sends it is taken too; multipart and other types are not. A request of a page, which has Origin "
                + "or Sec-Fetch-Site, must name one of the two JSON types."
        case .invalidBody:
            "The body can be read, but some of its fields are wrong, missing or unknown. The member errors lists all "
                + "of them, each with a JSON Pointer into the body. Texts are Unicode, so half of a surrogate pair "
                + "such as \\ud83d is refused; a meta is at most 32 levels deep and has no \\u0000."
        case .internalError:
            "A fault of the service. Its log has the request id, which follows urn:rollcall:request: in this problem's "
                + "instance."
        case .unavailable:
            "Redis cannot be reached or cannot write now. Nothing was changed, as far as the node knows. Try again "
                + "after the seconds in Retry-After. PUT and PATCH without a condition, DELETE and heartbeat may be "
                + "repeated. After a lost answer to POST, PUT to the session that you chose. A batch may be repeated "
                + "if each track names its session and no operation has a condition."
        case .nodeFull:
            "This node holds as much as its settings allow. Nothing was changed. Try again after the seconds in "
                + "Retry-After, or at another node."
        case .malformedRequest:
            "The bytes are not a request of HTTP/1.1 (RFC 9112): a broken line, no Host or two, a body with a "
                + "length that cannot be known. The connection is closed."
        case .crossSite:
            "A browser sent this for a page of another origin. Such a page may not write, and may not open a stream "
                + "with a key, which is a write. List the page's origin in ROLLCALL_ORIGINS."
        case .unauthenticated:
            "This node needs Authorization: Bearer with an API key or the token of a user, and none came, or one that "
                + "is not valid: the detail names the reason. A user gets a new token from the application's backend. "
                + "In place of a ticket that opens nothing any more, POST /v1/tickets makes a new one."
        case .forbidden:
            "The credential is valid, but has no right to this. The member missing names the right and the topic. "
                + "The topics and topic_prefixes of the token's claim rollcall, or of the API key, grant rights."
        case .removed:
            "An operator or a backend removed this key from the topic. For a minute its user is refused there, and no "
                + "other caller may track the key. Nothing was changed. After the seconds in Retry-After the same "
                + "request may succeed."
        case .tooManyRevocations:
            "A deployment keeps up to 10,000 revocations and removals. Nothing was changed. Removals end after a "
                + "minute, and revocations of tokens after a day. Lift some that are of no use any more (DELETE "
                + "/v1/revocations/{id}). In place of all users, retire the key that signs their tokens."
        case .tokenExpired:
            "The token, or the API key, that opened this stream has ended or was retired. Open the stream again with a "
                + "new one. The event expiring announced it 60 seconds before."
        case .rateLimited:
            "The caller made more requests, tracks or tickets, sent more bytes of metas, or sent more wrong "
                + "credentials than its rate permits; the member limit names the rate. Nothing was changed, and no "
                + "operation of a batch was run. Send the request again after the seconds in Retry-After. The fields "
                + "RateLimit and RateLimit-Policy of each answer show what is left."
        case .limitReached:
            "The caller has as many streams, topics of streams or connections open on this node as it may have: the "
                + "member limit names which, and maximum is their number. Close one: waiting does not help."
        case .socketRefused:
            "A Phoenix socket was asked for with a vsn other than 1.0.x and 2.0.x, or without a valid credential: its "
                + "authToken, its parameter token, api_key or apikey, or Authorization: Bearer. The detail names the "
                + "reason. Browsers do not show the status of a refused WebSocket."
        case .upgradeRequired:
            "This path answers WebSockets only. Ask for one by GET with Upgrade: websocket, Connection: Upgrade and "
                + "Sec-WebSocket-Version: 13. A proxy must pass these fields on."
        case .requestTimeout:
            "The head or the body of the request did not come in time; ROLLCALL_HEAD_TIMEOUT and "
                + "ROLLCALL_BODY_TIMEOUT bound them. The connection is closed. Send the request again."
        case .targetTooLong:
            "The first line of a request has up to 80 KiB. A meta that is too long for a query fits in the body of "
                + "a PUT."
        case .expectationFailed:
            "Expect can be 100-continue and nothing else."
        case .misdirected:
            "A node that listens on loopback answers to names without a dot, to the addresses of loopback and to the "
                + "origins in ROLLCALL_ORIGINS; unless it is open, also to other addresses. A proxy on the same "
                + "machine passes the public name on: list it there."
        case .headTooLarge:
            "A request has up to 1,000 header fields, of up to 80 KiB together."
        case .notImplemented:
            "This server does not know the method, or Transfer-Encoding names something other than chunked."
        case .versionNotSupported:
            "This port speaks HTTP/1.1 and HTTP/1.0 in clear text. A proxy before it can speak HTTP/2."
        }
    }

    /// The `type` member below the base path: a relative reference that this server answers.
    package var type: String { "/problems/\(self.rawValue)" }
}

extension ProblemKind {
    /// The kind of an error of the domain, except for text that is not JSON, which `Request.json` finds.
    init(_ error: InputError) {
        switch error.code {
        case .malformed: self = ["meta", "grace"].contains(error.parameter) ? .invalidQuery : .invalidName
        case .tooLarge: self = .metaTooLarge
        // 422 is for bodies.
        case .invalid: self = error.parameter == nil ? .invalidBody : .invalidQuery
        case .corrupt: self = .internalError
        }
    }
}
