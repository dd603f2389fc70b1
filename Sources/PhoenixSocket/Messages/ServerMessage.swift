// Rollcall · PhoenixSocket

import Basics
import JSONText
package import PresenceModel

/// A message for one client.
///
/// States and diffs are none: the feed encodes them once for all sockets of a topic.
package struct ServerMessage: Hashable, Sendable {
    package let refs: MessageRefs
    package let topic: String
    package let event: String
    /// The JSON text of an object.
    package let payload: [UInt8]

    package init(_ refs: MessageRefs, topic: String, event: String, payload: [UInt8]) {
        self.refs = refs
        self.topic = topic
        self.event = event
        self.payload = payload
    }

    /// The text of the message; version 1 has no `join_ref`.
    package func text(_ version: SocketVersion) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(payload.count + topic.utf8.count + 96)
        switch version {
        case .v1:
            output.append(literal: #"{"topic":"#)
            output.append(jsonString: topic)
            output.append(literal: #","event":"#)
            output.append(jsonString: event)
            output.append(literal: #","payload":"#)
            output.append(contentsOf: payload)
            output.append(literal: #","ref":"#)
            output.append(contentsOf: refs.ref.json)
            output.append(UInt8(ascii: "}"))
        case .v2:
            output.append(UInt8(ascii: "["))
            output.append(contentsOf: refs.joinRef.json)
            output.append(UInt8(ascii: ","))
            output.append(contentsOf: refs.ref.json)
            output.append(UInt8(ascii: ","))
            output.append(jsonString: topic)
            output.append(UInt8(ascii: ","))
            output.append(jsonString: event)
            output.append(UInt8(ascii: ","))
            output.append(contentsOf: payload)
            output.append(UInt8(ascii: "]"))
        }
        return output
    }
}

extension ServerMessage {
    /// Answers a message: `phx_reply` with the status `ok`.
    ///
    /// - Parameter ref: The ref of the presence, which the response shows as `phx_ref`; nil for an empty response.
    package static func ok(_ refs: MessageRefs, topic: String, ref: Ref? = nil) -> ServerMessage {
        var response: [UInt8] = Array("{}".utf8)
        if let ref { response = Array(#"{"phx_ref":"\#(ref.text)"}"#.utf8) }
        return reply(refs, topic, status: "ok", response)
    }

    /// Answers a message: `phx_reply` with the status `error`, and `{"reason":…}`.
    ///
    /// - Parameter detail: A sentence for a person, if the reason alone does not show what to change.
    package static func error(
        _ refs: MessageRefs, topic: String, reason: String, detail: String? = nil
    ) -> ServerMessage {
        reply(refs, topic, status: "error", object(reason: reason, detail: detail))
    }

    /// `phx_close`: the channel is over, and its client does not join again.
    package static func close(topic: String, joinRef: MessageRef) -> ServerMessage {
        ServerMessage(
            MessageRefs(joinRef: joinRef, ref: joinRef), topic: topic, event: "phx_close", payload: Array("{}".utf8))
    }

    /// `phx_error`: the channel failed, and its client joins again after a while.
    package static func failure(topic: String, joinRef: MessageRef, reason: String) -> ServerMessage {
        ServerMessage(
            MessageRefs(joinRef: joinRef, ref: joinRef), topic: topic, event: "phx_error",
            payload: object(reason: reason))
    }

    /// An event for one join, which answers nothing.
    package static func push(topic: String, joinRef: MessageRef, event: String, payload: [UInt8]) -> ServerMessage {
        ServerMessage(MessageRefs(joinRef: joinRef, ref: .null), topic: topic, event: event, payload: payload)
    }

    private static func reply(
        _ refs: MessageRefs, _ topic: String, status: StaticString, _ response: [UInt8]
    ) -> ServerMessage {
        var payload: [UInt8] = []
        payload.append(literal: #"{"status":""#)
        payload.append(literal: status)
        payload.append(literal: #"","response":"#)
        payload.append(contentsOf: response)
        payload.append(UInt8(ascii: "}"))
        return ServerMessage(refs, topic: topic, event: "phx_reply", payload: payload)
    }

    private static func object(reason: String, detail: String? = nil) -> [UInt8] {
        var json: [UInt8] = []
        json.append(literal: #"{"reason":"#)
        json.append(jsonString: reason)
        if let detail {
            json.append(literal: #","detail":"#)
            json.append(jsonString: detail)
        }
        json.append(UInt8(ascii: "}"))
        return json
    }
}
