// Rollcall · LoadGenerator

/// The protocol of the streams of a ``StreamFleet``.
public enum StreamWire: Sendable {
    /// Server-Sent Events in the response to a request.
    case events
    /// A WebSocket that joins a topic, with messages of Phoenix channels of version 2.0.0.
    ///
    /// The join names no key, so the socket observes and is not present.
    case socket(topic: String)

    /// The path of a socket.
    public static let socketPath = "/socket/websocket?vsn=2.0.0"
    /// The value of `Sec-WebSocket-Accept` for the key of each request: the example of RFC 6455 §1.3.
    static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    static let heartbeat = Array(#"[null,"2","phoenix","heartbeat",{}]"#.utf8)

    /// The fields of the request, each with its line end.
    var fields: String {
        switch self {
        case .events: "Accept: text/event-stream\r\n"
        case .socket:
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        }
    }

    /// The status of the response that begins a stream.
    var status: Int {
        switch self {
        case .events: 200
        case .socket: 101
        }
    }

    /// The first message; nil if the request is enough.
    var join: [UInt8]? {
        switch self {
        case .events: nil
        case .socket(let topic): Array(#"["1","1","\#(topic)","phx_join",{}]"#.utf8)
        }
    }
}
