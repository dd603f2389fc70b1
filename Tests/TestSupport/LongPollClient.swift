// Rollcall · TestSupport

import Synchronization

/// A long poll of phoenix.js: it polls and posts at any of its nodes, and keeps the messages.
package final class LongPollClient: Sendable {
    private struct State {
        var token: String?
        var statuses: [Int] = []
        var messages: [PhoenixClient.Message] = []
        var lastRef = 0
        var joinRefs: [String: String] = [:]
        /// The error of the last poll of ``LongPollClient/keepPolling()``; nil if that poll was answered.
        var pollError: String?
    }

    private let clients: [RollcallClient]
    private let path: String
    private let authToken: String?
    private let state = Mutex(State())
    private let polling = Mutex<Task<Void, Never>?>(nil)

    /// Begins a session by its first poll, at the first node.
    ///
    /// - Parameter authToken: As phoenix.js does, only polls send it.
    package static func open(
        at clients: [RollcallClient], _ parameters: String = "", authToken: String? = nil
    ) async throws -> LongPollClient {
        let client = LongPollClient(clients, parameters, authToken)
        try await client.poll(at: clients[0])
        guard client.statuses == [410], client.token != nil else {
            throw NeverHappened(description: "410 with a token, but \(client.statuses)")
        }
        return client
    }

    private init(_ clients: [RollcallClient], _ parameters: String, _ authToken: String?) {
        self.clients = clients
        self.authToken = authToken
        path = "/socket/longpoll?vsn=2.0.0" + (parameters.isEmpty ? "" : "&" + parameters)
    }

    /// Polls again and again, each time at a random node, until ``close()``; call it once.
    ///
    /// A poll that fails is repeated after 50 ms.
    package func keepPolling() {
        polling.withLock { running in
            precondition(running == nil, "the client polls already")
            running = Task { [self] in
                while !Task.isCancelled, let client = clients.randomElement() {
                    do {
                        try await poll(at: client)
                    } catch {
                        state.withLock { $0.pollError = "\(error)" }
                        try? await Task.sleep(for: .milliseconds(50))
                    }
                }
            }
        }
    }

    /// Makes one poll.
    package func poll(at client: RollcallClient) async throws {
        var headers = fields
        headers["X-Phoenix-AuthToken"] = authToken
        let answer = try await client.get(path, headers: headers)
        let json = try answer.json
        guard answer.status == 200, let status = json["status"]?.int else {
            throw NeverHappened(description: "an answer to a poll, but \(answer.status) \(answer.text)")
        }
        let messages = try (json["messages"]?.array ?? []).map { text in
            try PhoenixClient.Message(text.string ?? "", .v2)
        }
        state.withLock { state in
            state.statuses.append(status)
            state.pollError = nil
            if let token = json["token"]?.string { state.token = token }
            state.messages += messages
        }
    }

    /// Posts messages in one batch, at one node or a random one; returns their refs.
    @discardableResult
    package func send(
        _ messages: (event: String, payload: String)..., on topic: String, at client: RollcallClient? = nil
    ) async throws -> [String] {
        var refs: [String] = []
        let lines = messages.map { message in
            let (ref, joinRef) = state.withLock { state in
                state.lastRef += 1
                let ref = "\(state.lastRef)"
                if message.event == "phx_join" { state.joinRefs[topic] = ref }
                return (ref, state.joinRefs[topic] ?? ref)
            }
            refs.append(ref)
            let (name, event) = (JSONValue.string(topic), JSONValue.string(message.event))
            return #"["\#(joinRef)","\#(ref)",\#(name),\#(event),\#(message.payload)]"#
        }
        var headers = fields
        headers["Content-Type"] = "application/x-ndjson"
        guard let client = client ?? clients.randomElement() else {
            throw NeverHappened(description: "a node to post to")
        }
        let answer = try await client.post(path, lines.joined(separator: "\n"), headers: headers)
        guard answer.status == 200, try answer.json["status"]?.int == 200 else {
            throw NeverHappened(description: "a batch that is taken, but \(answer.status) \(answer.text)")
        }
        return refs
    }

    private var fields: [String: String] { token.map { ["X-Phoenix-Longpoll-Token": $0] } ?? [:] }

    /// The token of the session.
    package var token: String? { state.withLock { $0.token } }

    /// The statuses of all polls, as their bodies have them.
    package var statuses: [Int] { state.withLock { $0.statuses } }

    package var messages: [PhoenixClient.Message] { state.withLock { $0.messages } }

    private var pollError: String? { state.withLock { $0.pollError } }

    /// Awaits the answer to a message.
    package func answer(to ref: String) async throws -> PhoenixClient.Message {
        try await eventually("an answer to \(ref) (error of the last poll: \(pollError ?? "none"))") {
            messages.first { $0.event == "phx_reply" && $0.ref == .string(ref) }
        }
    }

    /// The states and diffs of a topic so far, as a stream would have them.
    package func events(of topic: String) -> [SSEEvent] {
        messages.events(of: topic)
    }

    /// The roster of a topic, as phoenix.js would show it.
    package func roster(of topic: String) throws -> FoldedPresence {
        try messages.roster(of: topic)
    }

    /// Stops polling, without a leave.
    package func close() async {
        let task = polling.withLock { running in
            defer { running = nil }
            return running
        }
        task?.cancel()
        await task?.value
    }
}
