// Rollcall · TestSupport

import Foundation
import Synchronization

/// A Phoenix client on one WebSocket: it joins topics, sends messages, and keeps those of the server.
package final class PhoenixClient: Sendable {
    package enum Version: String, CaseIterable, Sendable {
        case v1 = "1.0.0"
        case v2 = "2.0.0"
    }

    /// A message of the server; in version 1 its `joinRef` is null.
    package struct Message: Hashable, Sendable {
        package let joinRef: JSONValue
        package let ref: JSONValue
        package let topic: String
        package let event: String
        package let payload: JSONValue

        /// The status of an answer.
        package var status: String? { payload["status"]?.string }
        package var response: JSONValue? { payload["response"] }
        /// The reason of an answer with the status `error`.
        package var reason: String? { response?["reason"]?.string }

        /// Reads the text of a message.
        package init(_ text: String, _ version: Version) throws {
            let json = try JSONValue(parsing: text)
            let parts: [JSONValue?] =
                switch version {
                case .v1: [JSONValue.null, json["ref"], json["topic"], json["event"], json["payload"]]
                case .v2: (json.array ?? []).map(Optional.some)
                }
            guard parts.count == 5, let joinRef = parts[0], let ref = parts[1], let topic = parts[2]?.string,
                let event = parts[3]?.string, let payload = parts[4]
            else { throw NeverHappened(description: "a message of vsn=\(version.rawValue), but \(text)") }
            (self.joinRef, self.ref, self.topic, self.event, self.payload) = (joinRef, ref, topic, event, payload)
        }
    }

    private struct State {
        var messages: [Message] = []
        /// Frames that were read as messages, or skipped.
        var frames = 0
        var lastRef = 0
        var joinRefs: [String: String] = [:]
        /// Messages that ``next(_:on:)`` has passed.
        var consumed = 0
    }

    package let socket: WebSocketClient
    private let version: Version
    private let state = Mutex(State())

    /// Opens a socket.
    ///
    /// - Parameters:
    ///   - parameters: The query behind `vsn`, such as `token=…&view=keys`.
    ///   - authToken: A credential for the subprotocol, as phoenix.js sends it from 1.8 on.
    package static func connect(
        _ url: String, _ version: Version = .v2, _ parameters: String = "", authToken: String? = nil
    ) async throws -> PhoenixClient {
        var fields: [String: String] = [:]
        if let authToken {
            let text = Data(authToken.utf8).base64EncodedString().replacing("=", with: "")
            fields["Sec-WebSocket-Protocol"] = "phoenix, base64url.bearer.phx.\(text)"
        }
        let target = "/socket/websocket?vsn=\(version.rawValue)" + (parameters.isEmpty ? "" : "&" + parameters)
        return PhoenixClient(try await WebSocketClient.open(url, target, fields: fields), version)
    }

    package init(_ socket: WebSocketClient, _ version: Version) {
        self.socket = socket
        self.version = version
    }

    // MARK: Messages of the client

    /// Sends a message, and returns its ref.
    @discardableResult
    package func send(_ event: String, _ payload: String = "{}", on topic: String) async throws -> String {
        let (text, ref) = make(event, payload, on: topic)
        try await socket.send(text)
        return ref
    }

    /// Makes the text of a message; a join is remembered as that of its topic.
    package func make(_ event: String, _ payload: String = "{}", on topic: String) -> (text: String, ref: String) {
        let (ref, joinRef) = state.withLock { state in
            state.lastRef += 1
            let ref = "\(state.lastRef)"
            if event == "phx_join" { state.joinRefs[topic] = ref }
            return (ref, state.joinRefs[topic])
        }
        let (name, kind) = (JSONValue.string(topic), JSONValue.string(event))
        let join = joinRef.map { "\"\($0)\"" } ?? "null"
        let text =
            switch version {
            case .v1: #"{"topic":\#(name),"event":\#(kind),"payload":\#(payload),"ref":"\#(ref)"}"#
            case .v2: #"[\#(join),"\#(ref)",\#(name),\#(kind),\#(payload)]"#
            }
        return (text, ref)
    }

    /// Sends a message, and returns the answer to it.
    @discardableResult
    package func push(_ event: String, _ payload: String = "{}", on topic: String) async throws -> Message {
        try await answer(to: try await send(event, payload, on: topic), on: topic)
    }

    /// Joins, and returns the answer.
    @discardableResult
    package func join(_ topic: String, _ payload: String = "{}") async throws -> Message {
        try await push("phx_join", payload, on: topic)
    }

    // MARK: Messages of the server

    package var messages: [Message] {
        get throws {
            let frames = socket.frames
            return try state.withLock { state in
                while state.frames < frames.count {
                    let frame = frames[state.frames]
                    // A text that is no message stays the next one, so that each later call throws too.
                    if frame.opcode == WebSocketBytes.text { state.messages.append(try Message(frame.text, version)) }
                    state.frames += 1
                }
                return state.messages
            }
        }
    }

    /// Awaits the answer to a message.
    package func answer(to ref: String, on topic: String) async throws -> Message {
        try await eventually("an answer to \(ref) on \(topic)") {
            if let answer = try self.messages.first(where: { $0.isAnswer(to: ref, on: topic) }) { return answer }
            try requireOpen()
            return nil
        }
    }

    /// Returns the next message of an event on a topic, and skips those before it.
    package func next(_ event: String, on topic: String) async throws -> Message {
        try await eventually("\(event) on \(topic)") {
            let messages = try self.messages
            let found: Message? = state.withLock { state in
                while state.consumed < messages.count {
                    let message = messages[state.consumed]
                    state.consumed += 1
                    if message.event == event, message.topic == topic { return message }
                }
                return nil
            }
            if found == nil { try requireOpen() }
            return found
        }
    }

    private func requireOpen() throws {
        if let fault = socket.fault { throw fault }
        guard socket.isEnded else { return }
        throw NeverHappened(description: "the socket ended, with code \(socket.closeCode.map { "\($0)" } ?? "none")")
    }

    /// The states and diffs of a topic so far, as a stream would have them.
    package func events(of topic: String) throws -> [SSEEvent] {
        try messages.events(of: topic)
    }

    /// The roster of a topic, as phoenix.js would show it.
    package func roster(of topic: String) throws -> FoldedPresence {
        try messages.roster(of: topic)
    }
}

extension [PhoenixClient.Message] {
    /// The states and diffs of a topic, as a stream would have them.
    func events(of topic: String) -> [SSEEvent] {
        filter { $0.topic == topic && $0.event.hasPrefix("presence_") }
            .map { SSEEvent(name: $0.event, data: $0.payload.description) }
    }

    /// The roster of a topic, as phoenix.js would show it.
    func roster(of topic: String) throws -> FoldedPresence {
        var fold = FoldedPresence()
        for event in events(of: topic) { try fold.receive(event) }
        return fold
    }
}

extension PhoenixClient.Message {
    fileprivate func isAnswer(to ref: String, on topic: String) -> Bool {
        event == "phx_reply" && self.ref == .string(ref) && self.topic == topic
    }
}
