// Rollcall · PhoenixSocket

import Basics

/// The subprotocols that a client offers (`Sec-WebSocket-Protocol`, RFC 6455 §11.3.4).
///
/// One of them may be the credential: `base64url.bearer.phx.` and the token in base64. phoenix.js uses the standard
/// alphabet, despite the name.
package struct SocketProtocols: Sendable {
    private static let spoken = "phoenix"
    private static let tokenPrefix = "base64url.bearer.phx."

    /// The protocol of the answer, which must be one of those offered; nil for none.
    package let answer: String?
    /// The credential, which must not be logged; an empty text if it cannot be decoded, nil if the client offers none.
    package let authToken: String?

    /// - Parameter fields: The values of all fields `Sec-WebSocket-Protocol`.
    package init(_ fields: [String]) {
        let offers = fields.flatMap { $0.split(separator: ",") }.map { offer in
            String(offer.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" })
        }
        answer = offers.first { $0 == Self.spoken }
        authToken = offers.first { $0.hasPrefix(Self.tokenPrefix) }.map { offer in
            let text = offer.utf8.dropFirst(Self.tokenPrefix.utf8.count)
            return Base64URL.decode(anyAlphabet: text).flatMap { String(validating: $0, as: UTF8.self) } ?? ""
        }
    }
}
