// Rollcall · EndToEndTests

import TestSupport
import Testing

/// The table of a topic on a socket, over the wire.
extension SocketTests {
    /// A message of either side; nil is null.
    struct WireLine: Sendable {
        var join: String? = "3"
        var ref: String? = "9"
        var event: String
        var payload = "{}"
        /// Nil for the topic of the row.
        var topic: String?

        static func join(_ ref: String, as join: String?) -> WireLine {
            WireLine(join: join, ref: ref, event: "phx_join", payload: #"{"name":"Alice"}"#)
        }

        static func ok(_ join: String? = "3", _ ref: String? = "9", topic: String? = nil) -> WireLine {
            WireLine(
                join: join, ref: ref, event: "phx_reply", payload: #"{"status":"ok","response":{}}"#, topic: topic)
        }

        static func error(_ join: String?, _ reason: String) -> WireLine {
            WireLine(
                join: join, event: "phx_reply", payload: #"{"status":"error","response":{"reason":"\#(reason)"}}"#)
        }

        static func close(_ join: String) -> WireLine { WireLine(join: join, ref: join, event: "phx_close") }

        /// The text of a client; one of version 1 may send `join_ref`.
        func ofClient(_ version: PhoenixClient.Version, _ row: String) -> String {
            guard version == .v1 else { return ofServer(version, row) }
            let text = ofServer(version, row)
            return join.map { String(text.dropLast()) + #","join_ref":"\#($0)"}"# } ?? text
        }

        /// The text of a server, which in version 1 has no `join_ref`.
        func ofServer(_ version: PhoenixClient.Version, _ row: String) -> String {
            let (join, ref) = (quoted(self.join), quoted(self.ref))
            let topic = self.topic ?? row
            return switch version {
            case .v1: #"{"topic":"\#(topic)","event":"\#(event)","payload":\#(payload),"ref":\#(ref)}"#
            case .v2: #"[\#(join),\#(ref),"\#(topic)","\#(event)",\#(payload)]"#
            }
        }

        private func quoted(_ text: String?) -> String { text.map { "\"\($0)\"" } ?? "null" }
    }

    /// Messages of the client in one packet, and the answers to them.
    struct WireStep: Sendable {
        let sent: [WireLine]
        let answers: [WireLine]

        init(_ sent: WireLine..., gives answers: [WireLine]) {
            self.sent = sent
            self.answers = answers
        }

        /// A join, and the answer to it.
        static let join = WireStep(.join("3", as: "3"), gives: [.ok("3", "3")])
    }

    /// The state of the topic and the message that comes, and the steps.
    struct WireRow: Sendable {
        let name: String
        let steps: [WireStep]

        init(_ name: String, _ steps: WireStep...) {
            self.name = name
            self.steps = steps
        }
    }

    private static let leave = WireLine(event: "phx_leave")
    private static let untrack = WireLine(event: "untrack")

    private static let none: [WireRow] = [
        WireRow("none, a join", .join),
        WireRow(
            "none, a join without join_ref", WireStep(.join("3", as: nil), gives: [.ok(nil, "3")]),
            WireStep(leave, gives: [.ok(), .close("3")])),
        WireRow("none, a leave", WireStep(leave, gives: [.ok()])),
        WireRow("none, anything else", WireStep(untrack, gives: [.error(nil, "unmatched topic")])),
    ]

    private static let joining: [WireRow] = [
        WireRow(
            "joining, a leave, and then a join",
            WireStep(.join("3", as: "3"), leave, .join("5", as: "5"), gives: [.ok(), .ok("5", "5")])),
        WireRow("joining, an event", WireStep(.join("3", as: "3"), untrack, gives: [.ok("3", "3"), .ok()])),
    ]

    private static let joined: [WireRow] = [
        WireRow("joined, a join", .join, WireStep(.join("5", as: "5"), gives: [.ok("5", "5"), .close("3")])),
        WireRow("joined, a leave", .join, WireStep(leave, gives: [.ok(), .close("3")])),
        WireRow(
            "joined, a leave without join_ref", .join,
            WireStep(WireLine(join: nil, event: "phx_leave"), gives: [.ok(nil), .close("3")])),
        WireRow(
            "joined, a leave and an event of another join", .join,
            WireStep(WireLine(join: "1", event: "phx_leave"), WireLine(join: "4", event: "untrack"), gives: [])),
        WireRow(
            "joined, a known event", .join, WireStep(untrack, gives: [.ok()]),
            WireStep(WireLine(join: nil, event: "untrack"), gives: [.ok(nil)])),
        WireRow(
            "joined, an unknown event", .join,
            WireStep(WireLine(event: "wave"), gives: [.error("3", "unknown event")])),
    ]

    @Test(arguments: PhoenixClient.Version.allCases)
    func `Each row of the table of a topic holds over the wire`(version: PhoenixClient.Version) async throws {
        try await withNode { node in
            let heartbeat = WireLine(join: nil, ref: "0", event: "heartbeat", topic: "phoenix")
            let alive = WireLine.ok(nil, "0", topic: "phoenix")
            for row in Self.none + Self.joining + Self.joined {
                let client = try await PhoenixClient.connect(node.url, version)
                var expected: [PhoenixClient.Message] = []
                // The answer to the heartbeat comes behind those that the row allows.
                for step in row.steps + [WireStep(heartbeat, gives: [alive])] {
                    let packet = step.sent.flatMap { WebSocketBytes.masked($0.ofClient(version, row.name)) }
                    try await client.socket.send(bytes: packet)
                    for line in step.answers {
                        expected.append(try PhoenixClient.Message(line.ofServer(version, row.name), version))
                    }
                    try await eventually("answers of \(row.name): \(expected)") {
                        try client.messages.count { !$0.event.hasPrefix("presence_") } >= expected.count
                    }
                }
                let answers = try client.messages.filter { !$0.event.hasPrefix("presence_") }
                #expect(answers == expected, "\(row.name)")
                await client.socket.drop()
            }
        }
    }
}
