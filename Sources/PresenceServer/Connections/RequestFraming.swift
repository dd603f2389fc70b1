// Rollcall · PresenceServer

import NIOHTTP1

/// The parts of a request's head that concern its connection, its body and its target (RFC 9110 and 9112).
struct RequestFraming: Equatable, Sendable {
    enum Body: Equatable, Sendable {
        case none
        case length(Int)
        case chunked
    }

    let isHTTP10: Bool
    let isHead: Bool
    /// Whether the connection closes after the answer.
    let closes: Bool
    let body: Body
    /// Whether the client waits for `100 Continue` before it sends the body.
    let expectsContinue: Bool
    /// Whether the request offers another protocol; the decoder stops behind it.
    let offersUpgrade: Bool
    let authority: String?
    /// The path and query of the target; `*` for the server as a whole.
    let path: String

    /// - Throws: The problem of a head that RFC 9110 or 9112 does not allow; the caller must close the connection.
    init(_ head: HTTPRequestHead) throws(Problem) {
        var fields = Fields()
        for (name, value) in head.headers { fields.read(name, value) }
        isHTTP10 = head.version.minor == 0
        isHead = head.method == .HEAD
        offersUpgrade = fields.hasUpgrade && fields.connection.hasUpgrade
        closes =
            fields.connection.hasClose || head.method == .CONNECT || (isHTTP10 && !fields.connection.hasKeepAlive)
        body = try Self.body(fields, isHTTP10: isHTTP10)
        if !isHTTP10, let other = fields.otherExpectation {
            throw Problem(
                .expectationFailed, at: .header("Expect"),
                "100-continue is the only expectation here, not \(quoted(other)).")
        }
        expectsContinue = !isHTTP10 && fields.expectsContinue && body != .none
        (authority, path) = try Self.target(head, host: fields.host)

        if fields.hostCount > 1 {
            throw Problem(.malformedRequest, at: .header("Host"), "Host is given \(fields.hostCount) times.")
        }
        if let host = fields.host {
            guard Authority.isValid(host) else {
                throw Problem(
                    .malformedRequest, at: .header("Host"), "Host is not a host with an optional port: \(quoted(host))."
                )
            }
        } else if !isHTTP10 {
            throw Problem(.malformedRequest, at: .header("Host"), "Host is missing; HTTP/1.1 requires it.")
        }
    }

    private static func body(_ fields: Fields, isHTTP10: Bool) throws(Problem) -> Body {
        guard !fields.hasTransferEncoding else {
            guard !isHTTP10 else {
                throw Problem(
                    .malformedRequest, at: .header("Transfer-Encoding"), "HTTP/1.0 has no Transfer-Encoding.")
            }
            guard fields.contentLength == nil else {
                throw Problem(
                    .malformedRequest, at: .header("Content-Length"),
                    "Content-Length and Transfer-Encoding exclude each other.")
            }
            guard !fields.hasOtherCoding else {
                throw Problem(
                    .notImplemented, at: .header("Transfer-Encoding"), "chunked is the only transfer coding here.")
            }
            // The decoder takes such a list for another coding and refuses the body, when the request has begun.
            guard !fields.hasEmptyCoding else {
                throw Problem(
                    .malformedRequest, at: .header("Transfer-Encoding"), "A transfer coding is empty; send chunked."
                )
            }
            guard fields.codings == 1 else {
                throw Problem(.malformedRequest, at: .header("Transfer-Encoding"), "A body is chunked once.")
            }
            return .chunked
        }
        guard let length = fields.contentLength else { return .none }
        guard let bytes = Int(length), bytes >= 0 else {
            throw Problem(
                .malformedRequest, at: .header("Content-Length"), "Content-Length is no number: \(quoted(length)).")
        }
        return bytes == 0 ? .none : .length(bytes)
    }

    /// Reads the target in each of its forms (RFC 9112 §3.2); the authority of an absolute target wins over `Host`.
    private static func target(
        _ head: HTTPRequestHead, host: String?
    ) throws(Problem) -> (authority: String?, path: String) {
        let target = head.uri
        if target.utf8.first == UInt8(ascii: "/") || head.method == .CONNECT { return (host, target) }
        if target == "*" && head.method == .OPTIONS { return (host, target) }
        if let mark = target.firstRange(of: "://"),
            FieldText.isEqual(target[..<mark.lowerBound].utf8, "http")
                || FieldText.isEqual(target[..<mark.lowerBound].utf8, "https")
        {
            let end = target[mark.upperBound...].firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? target.endIndex
            let authority = String(target[mark.upperBound..<end])
            if !authority.isEmpty, Authority.isValid(authority) {
                let rest = target[end...]
                return (authority, rest.first == "/" ? String(rest) : "/" + rest)
            }
        }
        throw Problem(.malformedRequest, "The target is neither a path nor an http URL: \(quoted(target)).")
    }
}

extension RequestFraming {
    /// The options of all fields `Connection`, which are one list (RFC 9110 §7.6.1).
    fileprivate struct ConnectionOptions {
        var hasClose = false
        var hasKeepAlive = false
        var hasUpgrade = false

        mutating func read(_ value: String) {
            FieldText.forEachMember(of: value) { option in
                if FieldText.isEqual(option, "close") { hasClose = true }
                if FieldText.isEqual(option, "keep-alive") { hasKeepAlive = true }
                if FieldText.isEqual(option, "upgrade") { hasUpgrade = true }
            }
        }
    }

    /// The fields that the framing depends on, collected in one pass.
    fileprivate struct Fields {
        var host: String?
        var hostCount = 0
        var connection = ConnectionOptions()
        var hasUpgrade = false
        var hasTransferEncoding = false
        var codings = 0
        var hasOtherCoding = false
        var hasEmptyCoding = false
        var contentLength: String?
        var expectsContinue = false
        /// The first expectation that is not `100-continue`.
        var otherExpectation: String?

        /// Compares the length of the name first, because most fields have none of these lengths.
        mutating func read(_ name: String, _ value: String) {
            switch name.utf8.count {
            case 4 where FieldText.isEqual(name.utf8, "host"):
                if hostCount == 0 { host = value }
                hostCount += 1
            case 6 where FieldText.isEqual(name.utf8, "expect"):
                // A list, which may repeat a member and have empty ones (RFC 9110 §10.1.1, §5.6.1).
                FieldText.forEachMember(of: value) { expectation in
                    if FieldText.isEqual(expectation, "100-continue") {
                        expectsContinue = true
                    } else if otherExpectation == nil {
                        otherExpectation = String(Substring(expectation))
                    }
                }
            case 7 where FieldText.isEqual(name.utf8, "upgrade"):
                hasUpgrade = true
            case 10 where FieldText.isEqual(name.utf8, "connection"):
                connection.read(value)
            case 14 where FieldText.isEqual(name.utf8, "content-length"):
                contentLength = value
            case 17 where FieldText.isEqual(name.utf8, "transfer-encoding"):
                hasTransferEncoding = true
                var members = 0
                FieldText.forEachMember(of: value) { coding in
                    members += 1
                    if !FieldText.isEqual(coding, "chunked") { hasOtherCoding = true }
                }
                codings += members
                if value.utf8.count(where: { $0 == UInt8(ascii: ",") }) >= members { hasEmptyCoding = true }
            default: break
            }
        }
    }
}
