// Rollcall · PhoenixSocketTests

import PhoenixSocket

/// One message, as both versions write it; refs are JSON texts, nil is null.
struct Line: Sendable {
    var joinRef: String?
    var ref: String?
    var topic = "room:lobby"
    var event: String
    var payload = "{}"

    /// A reply with the status `ok`.
    static func ok(
        _ joinRef: String?, _ ref: String?, _ topic: String = "room:lobby", _ response: String = "{}"
    ) -> Line {
        Line(
            joinRef: joinRef, ref: ref, topic: topic, event: "phx_reply",
            payload: #"{"status":"ok","response":\#(response)}"#)
    }

    /// A reply with the status `error`.
    static func error(
        _ joinRef: String?, _ ref: String?, _ topic: String = "room:lobby", reason: String
    ) -> Line {
        Line(
            joinRef: joinRef, ref: ref, topic: topic, event: "phx_reply",
            payload: #"{"status":"error","response":{"reason":"\#(reason)"}}"#)
    }

    static func close(_ joinRef: String?, _ topic: String = "room:lobby") -> Line {
        Line(joinRef: joinRef, ref: joinRef, topic: topic, event: "phx_close")
    }

    /// The message as a client sends it; a client of version 1 may add `join_ref`.
    func client(_ version: SocketVersion) -> SocketFrame {
        switch version {
        case .v1:
            let joinRef = joinRef.map { #","join_ref":\#($0)"# } ?? ""
            let text = #"{"topic":"\#(topic)","event":"\#(event)","payload":\#(payload),"ref":\#(ref ?? "null")"#
            return .text(Array((text + joinRef + "}").utf8))
        case .v2: return .text(Array(server(.v2).utf8))
        }
    }

    /// The message as a server sends it.
    func server(_ version: SocketVersion) -> String {
        switch version {
        case .v1: #"{"topic":"\#(topic)","event":"\#(event)","payload":\#(payload),"ref":\#(ref ?? "null")}"#
        case .v2: #"[\#(joinRef ?? "null"),\#(ref ?? "null"),"\#(topic)","\#(event)",\#(payload)]"#
        }
    }
}
