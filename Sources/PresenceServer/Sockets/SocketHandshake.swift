// Rollcall · PresenceServer

import Crypto
import Foundation
import HTTPTypes

/// The fields of a request for a WebSocket (RFC 6455 §4.2).
///
/// `Connection: upgrade` is not among them, because ``RequestFraming`` reads that field.
struct SocketHandshake {
    /// The value that a server puts behind the key of the client.
    private static let suffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    /// Bytes of a key.
    private static let keyBytes = 16

    private let key: String

    /// - Throws: ``ProblemKind/upgradeRequired`` for a request that asks for no WebSocket of version 13, and
    ///   ``ProblemKind/invalidHeader`` for one without a valid key.
    init(_ fields: HTTPFields) throws(Problem) {
        var asksForWebSocket = false
        for value in fields[values: .upgrade] {
            FieldText.forEachMember(of: value) { name in
                if FieldText.isEqual(name, "websocket") { asksForWebSocket = true }
            }
        }
        guard asksForWebSocket, fields[.secWebSocketVersion] == "13" else { throw .upgradeRequired }
        let keys = fields[values: .secWebSocketKey]
        guard keys.count == 1, let key = keys.first, Data(base64Encoded: key)?.count == Self.keyBytes else {
            throw Problem(
                .invalidHeader, at: .header("Sec-WebSocket-Key"),
                "Sec-WebSocket-Key is given once, as \(Self.keyBytes) bytes in base64.")
        }
        self.key = key
    }

    /// The value of `Sec-WebSocket-Accept`.
    var accept: String {
        Data(Insecure.SHA1.hash(data: Data((key + Self.suffix).utf8))).base64EncodedString()
    }
}

extension Problem {
    /// A request for a socket that asks for no upgrade which the node can make.
    static var upgradeRequired: Problem {
        var problem = Problem(
            .upgradeRequired,
            "This path answers WebSockets only: GET of HTTP/1.1 with Connection: Upgrade, Upgrade: websocket and "
                + "Sec-WebSocket-Version: 13.")
        problem.headers[.upgrade] = "websocket"
        problem.headers[.secWebSocketVersion] = "13"
        return problem
    }
}
