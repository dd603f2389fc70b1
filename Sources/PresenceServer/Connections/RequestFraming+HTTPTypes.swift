// Rollcall · PresenceServer

import HTTPTypes
import NIOHTTP1
import NIOHTTPTypesHTTP1

extension HTTPRequest {
    /// The head of a request, for the routes.
    ///
    /// `Connection` is `close` or absent, so that the server compares one text only.
    ///
    /// - Parameter isSecure: Whether the request came over TLS.
    init(_ head: HTTPRequestHead, _ framing: RequestFraming, isSecure: Bool) throws(Problem) {
        guard let method = Method(head.method) else {
            throw Problem(.notImplemented, "\(quoted(head.method.rawValue)) is no method.")
        }
        self.init(
            method: method, scheme: isSecure ? "https" : "http", authority: framing.authority, path: framing.path,
            headerFields: HTTPFields(head.headers, splitCookie: false))
        if framing.closes {
            headerFields[.connection] = "close"
        } else if headerFields.contains(.connection) {
            headerFields[.connection] = nil
        }
    }
}

extension HTTPRequest.Method {
    fileprivate init?(_ method: HTTPMethod) {
        switch method {
        case .GET: self = .get
        case .POST: self = .post
        case .PUT: self = .put
        case .PATCH: self = .patch
        case .DELETE: self = .delete
        case .HEAD: self = .head
        case .OPTIONS: self = .options
        default: self.init(method.rawValue)
        }
    }
}

extension Problem {
    /// The problem of a request that the decoder refused.
    ///
    /// - Parameter isInBody: Whether the head of the request was complete.
    init(_ error: HTTPParserError, at start: RequestStart, isInBody: Bool) {
        switch error {
        case .headerOverflow where !isInBody && start.firstLineLength > DecoderLimits.bytes:
            self.init(.targetTooLong, "The first line of the request is longer than \(DecoderLimits.bytes) bytes.")
        case .headerOverflow:
            self.init(
                .headTooLarge,
                "The head of the request has more than \(DecoderLimits.bytes) bytes or \(DecoderLimits.fields) fields.")
        case .invalidMethod where !isInBody && start.beginsWithToken:
            self.init(.notImplemented, "The method of the request is not known.")
        case .invalidVersion where !isInBody && start.namesOtherVersion, .paused where !isInBody:
            self.init(.versionNotSupported, "This port speaks HTTP/1.1 and HTTP/1.0.")
        default:
            self.init(.malformedRequest, "The request is not HTTP/1.1 (\(error)).")
        }
    }
}
