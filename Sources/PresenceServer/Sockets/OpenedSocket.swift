// Rollcall · PresenceServer

import Access
import HTTPTypes
import NIOCore

/// The response to a valid request for a WebSocket: its header fields, and how the socket begins.
package struct OpenedSocket: Sendable {
    /// No `Sec-WebSocket-Extensions`: silence declines those that the client offers (RFC 6455 §9.1).
    var headers: HTTPFields
    let caller: Caller
    private let begin: @Sendable (any Channel, _ opening: ByteBuffer) -> Void
    /// Called when the socket begins: at once, after the responses to earlier requests, or never.
    var onBegin: @Sendable () -> Void = {}

    /// - Parameters:
    ///   - subprotocol: The one that the client offered and the node takes.
    ///   - begin: Takes the connection over, on its loop, and first sends `opening` unchanged.
    init(
        _ handshake: SocketHandshake, subprotocol: String?, caller: Caller,
        begin: @escaping @Sendable (any Channel, _ opening: ByteBuffer) -> Void
    ) {
        headers = [
            .upgrade: "websocket", .connection: "Upgrade", .secWebSocketAccept: handshake.accept,
        ]
        headers[.secWebSocketProtocol] = subprotocol
        self.caller = caller
        self.begin = begin
    }

    /// Begins the socket: from here on only it writes to the connection.
    func begin(on channel: any Channel) {
        guard channel.isActive else { return }
        onBegin()
        var opening = channel.allocator.buffer(capacity: 256)
        opening.writeString("HTTP/1.1 101 Switching Protocols\r\n")
        for field in headers { opening.writeField(field) }
        opening.writeString("\r\n")
        begin(channel, opening)
    }
}
