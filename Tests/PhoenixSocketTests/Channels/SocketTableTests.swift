// Rollcall · PhoenixSocketTests

import Testing

@testable import PhoenixSocket

/// One topic on one socket: what comes in each state, and what the socket does.
///
/// The rows are those of docs/phoenix.md, for both versions. In the state joined the channel is number 1 with the
/// join_ref "3".
@Suite("The table of a topic on a socket")
struct SocketTableTests {
    enum Given: Sendable {
        case none
        case joining
        case joined
    }

    /// An event, and the actions that follow it.
    struct Step: Sendable {
        enum Event: Sendable {
            case client(Line)
            case joined(Int)
            case refused(Int, String)
            case changed(Int, ChangeOutcome)
            case removed(Int)
            case failed(Int, String)
        }

        /// A message for the client, or the words of another action.
        enum Action: Sendable {
            case server(Line)
            case words(String)
        }

        let event: Event
        let actions: [Action]

        init(_ event: Event, _ actions: Action...) {
            self.event = event
            self.actions = actions
        }
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let given: Given
        let steps: [Step]

        init(_ name: String, _ given: Given, _ steps: Step...) {
            testDescription = name
            self.given = given
            self.steps = steps
        }
    }

    private static let three = #""3""#
    private static let alice = #"{"name":"alice"}"#

    private static func client(
        _ event: String, join: String? = three, ref: String? = #""9""#, _ payload: String = "{}"
    ) -> Step.Event {
        .client(Line(joinRef: join, ref: ref, event: event, payload: payload))
    }

    private static let none: [Row] = [
        Row(
            "none, a join: tracked, then answered, then the state", .none,
            Step(client("phx_join", ref: three, alice), .words("join 1 room:lobby alice")),
            Step(.joined(1), .server(.ok(three, three)), .words("subscribe 1"))),
        Row(
            "none, a join without join_ref: its ref stands for it", .none,
            Step(client("phx_join", join: nil, ref: three, alice), .words("join 1 room:lobby alice")),
            Step(.joined(1), .server(.ok(nil, three)), .words("subscribe 1")),
            Step(client("phx_leave"), .server(.ok(three, #""9""#)), .server(.close(three)), .words("leave 1 0"))),
        Row(
            "none, a join that is refused: an error with its join_ref", .none,
            Step(client("phx_join", ref: three, alice), .words("join 1 room:lobby alice")),
            Step(.refused(1, "unauthorized"), .server(.error(three, three, reason: "unauthorized"))),
            Step(
                client("update", #"{"meta":{}}"#),
                .server(.error(nil, #""9""#, reason: "unmatched topic")))),
        Row(
            "none, a leave: ok with what came", .none,
            Step(client("phx_leave"), .server(.ok(three, #""9""#))),
            Step(client("phx_leave", join: nil, ref: nil), .server(.ok(nil, nil)))),
        Row(
            "none, another event: unmatched topic, without join_ref", .none,
            Step(client("update", #"{"meta":{}}"#), .server(.error(nil, #""9""#, reason: "unmatched topic"))),
            Step(client("new_msg", join: nil), .server(.error(nil, #""9""#, reason: "unmatched topic")))),
    ]

    private static let joining: [Row] = [
        Row(
            "joining, a leave: ok, and the track is undone when it returns", .joining,
            Step(client("phx_leave"), .server(.ok(three, #""9""#))),
            Step(.joined(1), .words("leave 1 0")),
            Step(client("phx_join", join: #""5""#, ref: #""5""#, alice), .words("join 2 room:lobby alice"))),
        Row(
            "joining, a leave: nothing to undo if the track fails", .joining,
            Step(client("phx_leave", join: nil), .server(.ok(nil, #""9""#))),
            Step(.refused(1, "unavailable"))),
        Row(
            "joining, a leave of an earlier join: dropped in silence", .joining,
            Step(client("phx_leave", join: #""1""#)),
            Step(.joined(1), .server(.ok(three, three)), .words("subscribe 1"))),
        Row(
            "joining, an event: it waits for the answer", .joining,
            Step(client("update", #"{"meta":{"a":1}}"#)),
            Step(
                .joined(1), .server(.ok(three, three)), .words("subscribe 1"), .words(#"change 1 update {"a":1}"#))),
        Row(
            "joining, an event: unmatched if the join is refused", .joining,
            Step(client("update", #"{"meta":{}}"#)),
            Step(
                .refused(1, "x"), .server(.error(three, three, reason: "x")),
                .server(.error(nil, #""9""#, reason: "unmatched topic")))),
        Row(
            "joining, another join: the first one is closed, and undone when it returns", .joining,
            Step(
                client("phx_join", join: #""5""#, ref: #""5""#, alice), .server(.close(three)),
                .words("join 2 room:lobby alice")),
            Step(.joined(1), .words("leave 1 0")),
            Step(.joined(2), .server(.ok(#""5""#, #""5""#)), .words("subscribe 2"))),
        Row(
            "joining, a removal: an error, and the track is undone as removed", .joining,
            Step(.removed(1), .server(.error(three, three, reason: "unauthorized"))),
            Step(.joined(1), .words("remove 1"))),
    ]

    private static let rejoining: [Row] = [
        Row(
            "joined, another join: the answer, then the close of the old one, then its release", .joined,
            Step(client("phx_join", join: #""5""#, ref: #""5""#, alice), .words("join 2 room:lobby alice")),
            Step(client("update", #"{"meta":{}}"#)),
            Step(
                .joined(2), .server(.ok(#""5""#, #""5""#)), .server(.close(three)), .words("leave 1 0"),
                .words("subscribe 2"))),
        Row(
            "joined, another join that is refused: the old one is closed all the same", .joined,
            Step(client("phx_join", join: #""5""#, ref: #""5""#, alice), .words("join 2 room:lobby alice")),
            Step(
                .refused(2, "unavailable"), .server(.error(#""5""#, #""5""#, reason: "unavailable")),
                .server(.close(three)), .words("leave 1 0")),
            Step(client("phx_leave"), .server(.ok(three, #""9""#)))),
        Row(
            "joined, another join that is not valid: the old one is closed all the same", .joined,
            Step(
                client("phx_join", join: #""5""#, ref: #""5""#, "[]"),
                .server(.error(#""5""#, #""5""#, reason: "The payload of a join is an object.")),
                .server(.close(three)), .words("leave 1 0"))),
    ]

    private static let joined: [Row] = [
        Row(
            "joined, a leave: ok, then the close", .joined,
            Step(client("phx_leave"), .server(.ok(three, #""9""#)), .server(.close(three)), .words("leave 1 0")),
            Step(client("phx_leave"), .server(.ok(three, #""9""#)))),
        Row(
            "joined, a leave without join_ref: the same", .joined,
            Step(
                client("phx_leave", join: nil), .server(.ok(nil, #""9""#)), .server(.close(three)),
                .words("leave 1 0"))),
        Row(
            "joined, a leave or an event with another join_ref: dropped in silence", .joined,
            Step(client("phx_leave", join: #""1""#)), Step(client("update", join: #""1""#, #"{"meta":{}}"#)),
            Step(client("phx_leave", join: "3")), Step(client("unknown", join: #""4""#))),
        Row(
            "joined, a known event: done, then answered with the ref", .joined,
            Step(client("update", #"{"meta":{"a":1}}"#), .words(#"change 1 update {"a":1}"#)),
            Step(.changed(1, .done(nil)), .server(.ok(three, #""9""#))),
            Step(client("untrack", join: nil), .words("change 1 untrack")),
            Step(.changed(1, .done(nil)), .server(.ok(nil, #""9""#)))),
        Row(
            "joined, a known event that fails: the title of the problem", .joined,
            Step(client("update", #"{"patch":{"a":1}}"#), .words(#"change 1 patch {"a":1}"#)),
            Step(
                .changed(1, .failed(reason: "The presence is not there")),
                .server(.error(three, #""9""#, reason: "The presence is not there")))),
        Row(
            "joined, an unknown event: unknown event", .joined,
            Step(client("new_msg", #"{"body":"hi"}"#), .server(.error(three, #""9""#, reason: "unknown event"))),
            Step(client("", "[]"), .server(.error(three, #""9""#, reason: "unknown event")))),
        Row(
            "joined, a removal: the close, for good", .joined,
            Step(.removed(1), .server(.close(three)), .words("remove 1")),
            Step(.removed(1)),
            Step(client("update", #"{"meta":{}}"#), .server(.error(nil, #""9""#, reason: "unmatched topic")))),
        Row(
            "joined, a fault of the node: an error, so that the client joins again", .joined,
            Step(
                .failed(1, "x"),
                .server(Line(joinRef: three, ref: three, event: "phx_error", payload: #"{"reason":"x"}"#)),
                .words("leave 1 5"))),
    ]

    static let rows = none + joining + rejoining + joined

    @Test(arguments: SocketTableTests.rows, SocketVersion.allCases)
    func `each row holds, with each version`(row: Row, version: SocketVersion) throws {
        var socket = try TestSocket(version)
        switch row.given {
        case .none: break
        case .joining:
            let line = Line(joinRef: Self.three, ref: Self.three, event: "phx_join", payload: Self.alice)
            #expect(socket.send(line) == ["join 1 room:lobby alice"])
        case .joined: try socket.join(ref: Self.three)
        }
        for step in row.steps {
            let expected = step.actions.map { action in
                switch action {
                case .server(let line): line.server(version)
                case .words(let words): words
                }
            }
            #expect(socket.handle(event(step.event, version)) == expected)
        }
    }

    private func event(_ event: Step.Event, _ version: SocketVersion) -> SocketState.Event {
        switch event {
        case .client(let line): .frame(line.client(version))
        case .joined(let number): .joined(ChannelID(number: number))
        case .refused(let number, let reason): .refused(ChannelID(number: number), reason: reason)
        case .changed(let number, let outcome): .changed(ChannelID(number: number), outcome)
        case .removed(let number): .removed(ChannelID(number: number))
        case .failed(let number, let reason): .failed(ChannelID(number: number), reason: reason)
        }
    }

    @Test(arguments: SocketVersion.allCases, [Given.none, .joining, .joined])
    func `a heartbeat is answered in any state`(version: SocketVersion, given: Given) throws {
        var socket = try TestSocket(version)
        if given == .joined { try socket.join(ref: Self.three) }
        if given == .joining { _ = socket.send(Line(joinRef: "1", ref: "1", event: "phx_join")) }
        for ref in [#""0""#, #""4""#, "7", nil] {
            let answer = socket.send(Line(joinRef: nil, ref: ref, topic: "phoenix", event: "heartbeat"))
            #expect(answer == [Line.ok(nil, ref, "phoenix").server(version)])
        }
    }

    @Test(arguments: SocketVersion.allCases)
    func `the topic of the socket has no presences`(version: SocketVersion) throws {
        var socket = try TestSocket(version)
        let unmatched = Line.error(nil, "1", "phoenix", reason: "unmatched topic").server(version)
        for event in ["phx_join", "update"] {
            #expect(socket.send(Line(joinRef: "1", ref: "1", topic: "phoenix", event: event)) == [unmatched])
        }
        let leave = Line(joinRef: "1", ref: "2", topic: "phoenix", event: "phx_leave")
        #expect(socket.send(leave) == [Line.ok("1", "2", "phoenix").server(version)])
        #expect(socket.send(Line(joinRef: "1", ref: "3", event: "heartbeat")).first?.contains("unmatched") == true)
    }

    @Test func `a client of version 1 need not send join_ref`() throws {
        var socket = try TestSocket(.v1)
        #expect(socket.send(Line(joinRef: nil, ref: "1", event: "phx_join", payload: Self.alice)).count == 1)
        #expect(socket.handle(.joined(ChannelID(number: 1))).count == 2)
        #expect(socket.send(Line(joinRef: nil, ref: "2", event: "untrack")) == ["change 1 untrack"])
        #expect(
            socket.send(Line(joinRef: nil, ref: "3", event: "phx_leave")) == [
                Line.error(nil, "2", reason: "left").server(.v1), Line.ok(nil, "3").server(.v1),
                Line.close("1").server(.v1), "leave 1 0",
            ])
    }
}
