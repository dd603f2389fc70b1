// Rollcall · PhoenixSocketTests

import JSONText
import NIOCore
import PresenceModel
import Testing

@testable import PhoenixSocket

@Suite("How a socket ends, and what its feeds send")
struct SocketEndTests {
    private let one = ChannelID(number: 1)
    private let fault = SocketError(.invalidData, "x")

    /// A socket with three channels: one with a random session, one with a named session, and one that is joining.
    private func socket(_ version: SocketVersion = .v2, query: String = "") throws -> TestSocket {
        var socket = try TestSocket(version, query: query)
        try socket.join("a", ref: "1")
        try socket.join("b", ref: "2", #"{"name":"alice","session":"s"}"#)
        let payload = #"{"name":"alice","grace":9}"#
        _ = socket.send(Line(joinRef: "3", ref: "3", topic: "c", event: "phx_join", payload: payload))
        return socket
    }

    private func ref(_ text: String) throws -> MessageRef {
        let json = try JSON(parsing: text)
        return try #require(MessageRef(json))
    }

    // MARK: Ends

    @Test(
        arguments: [
            (.closedByClient, nil, ["leave 1 0", "leave 2 5"], "leave 3 9"),
            (.connectionLost, nil, ["leave 1 5", "leave 2 5"], "leave 3 9"),
            (.unread, nil, ["leave 1 5", "leave 2 5"], "leave 3 9"),
            (.draining, 1012, ["leave 1 5", "leave 2 5"], "leave 3 9"),
            (.slow, 1013, ["leave 1 5", "leave 2 5"], "leave 3 9"),
            (.silent, 1001, ["leave 1 5", "leave 2 5"], "leave 3 9"),
            (.tokenExpired, 1008, ["leave 1 5", "leave 2 5"], "leave 3 9"),
            (.revoked, 1008, ["remove 1", "remove 2"], "remove 3"),
            (.failed, 1011, ["leave 1 5", "leave 2 5"], "leave 3 9"),
            (.faulty(SocketError(.messageTooBig, "x")), 1009, ["leave 1 5", "leave 2 5"], "leave 3 9"),
        ] as [(SocketEnd, Int?, [String], String)])
    func `each end has its close code and releases the presences`(
        end: SocketEnd, code: Int?, leaves: [String], late: String
    ) throws {
        var socket = try socket()
        #expect(socket.handle(.ended(end)) == (code.map { ["close \($0)"] } ?? []) + leaves)
        #expect(socket.state.end == end && !socket.state.isSettled && socket.state.deadline == nil)
        #expect(socket.handle(.joined(ChannelID(number: 3))) == [late], "its track was undone when it returned")
        #expect(socket.state.isSettled)
    }

    @Test func `after the end nothing is answered, and a second end changes nothing`() throws {
        var socket = try socket()
        _ = socket.handle(.ended(.draining))
        #expect(socket.handle(.ended(.revoked)) == [])
        #expect(socket.state.end == .draining)
        #expect(socket.send(Line(joinRef: nil, ref: "1", topic: "phoenix", event: "heartbeat")) == [])
        #expect(socket.handle(.changed(one, .done(nil))) == [])
        #expect(socket.state.passDiff(of: one) == .dropped && socket.state.channelCount == 0)
        #expect(socket.handle(.refused(ChannelID(number: 3), reason: "x")) == [])
        #expect(socket.state.isSettled)
    }

    @Test func `a socket never closes with 1000, and each reason fits into a close frame`() {
        let ends: [SocketEnd] = [
            .closedByClient, .connectionLost, .unread, .silent, .slow, .unrepaired, .flooding, .faulty(fault),
            .draining, .tokenExpired, .revoked, .failed,
        ]
        for end in ends {
            #expect(end.code?.rawValue != 1000 && end.reason.utf8.count <= 123)
        }
    }

    @Test func `a message that cannot be read closes the socket`() throws {
        for (version, frame, code) in [
            (.v2, .text(Array("garbage".utf8)), 1007), (.v1, .text(Array("[]".utf8)), 1007),
            (.v1, .binary([0, 0, 0, 0, 0]), 1003), (.v2, .binary([0, 9]), 1007),
            (.v2, .text([UInt8](repeating: 0x20, count: 70_000)), 1009),
        ] as [(SocketVersion, SocketFrame, Int)] {
            var socket = try socket(version)
            #expect(socket.handle(.frame(frame)) == ["close \(code)", "leave 1 5", "leave 2 5"])
        }
    }

    @Test func `a binary push is answered as an unknown event`() throws {
        var socket = try TestSocket()
        try socket.join("t", ref: #""1""#)
        let push = [0, 1, 1, 1, 4] + Array("12tping".utf8) + [1, 2, 3] as [UInt8]
        let answer = Line.error(#""1""#, #""2""#, "t", reason: "unknown event").server(.v2)
        #expect(socket.handle(.frame(.binary(push))) == [answer])
    }

    // MARK: Time

    @Test func `a client that sends too many messages is closed with 1008`() throws {
        var socket = try TestSocket()
        let heartbeat = Line(joinRef: nil, ref: "1", topic: "phoenix", event: "heartbeat")
        for _ in 0..<500 { #expect(socket.send(heartbeat).count == 1) }
        #expect(socket.send(heartbeat) == ["close 1008"])

        var patient = try TestSocket()
        for _ in 0..<2_000 {
            #expect(patient.send(heartbeat).count == 1)
            patient.now = patient.now + .milliseconds(20)
        }
    }

    @Test func `a client is pinged each 25 s, and closed with 1001 after 60 s without a sign`() throws {
        var socket = try TestSocket()
        var words: [String] = []
        while socket.state.end == nil {
            let deadline = try #require(socket.state.deadline)
            #expect(deadline > socket.now)
            socket.now = deadline
            let seconds = (deadline - TestSocket.start).nanoseconds / 1_000_000_000
            words += socket.handle(.timePassed).map { "\(seconds) \($0)" }
        }
        #expect(words == ["25 ping", "50 ping", "60 close 1001"])
    }

    @Test(arguments: [false, true])
    func `a pong keeps a socket open, unless only messages count`(countsMessagesOnly: Bool) throws {
        var socket = try TestSocket(query: countsMessagesOnly ? "liveness=app" : "")
        for _ in 0..<40 {
            socket.now = socket.now + .seconds(10)
            _ = socket.handle(.control)
            _ = socket.handle(.timePassed)
        }
        let end: SocketEnd? = countsMessagesOnly ? .silent : nil
        #expect(socket.state.end == end)
        var heard = try TestSocket(query: countsMessagesOnly ? "liveness=app" : "")
        for _ in 0..<10 {
            heard.now = heard.now + .seconds(30)
            _ = heard.send(Line(joinRef: nil, ref: "1", topic: "phoenix", event: "heartbeat"))
            _ = heard.handle(.timePassed)
        }
        #expect(heard.state.end == nil)
    }

    @Test func `a poll keeps a socket open, also if only messages count`() throws {
        var socket = try TestSocket(query: "liveness=app")
        for _ in 0..<20 {
            socket.now = socket.now + .seconds(10)
            _ = socket.handle(.poll)
            _ = socket.handle(.timePassed)
        }
        #expect(socket.state.end == nil)
    }

    // MARK: Feeds

    @Test func `a diff follows a state only, and of an earlier join nothing is sent`() throws {
        var socket = try TestSocket()
        _ = socket.send(Line(joinRef: "1", ref: "1", topic: "t", event: "phx_join"))
        #expect(socket.state.passState(of: one) == .dropped)
        #expect(socket.state.passDiff(of: one) == .dropped)
        _ = socket.handle(.joined(one))
        #expect(socket.state.passDiff(of: one) == .dropped)
        let joinRef = try ref("1")
        #expect(socket.state.passState(of: one) == .behind(joinRef))
        #expect(socket.state.passDiff(of: one) == .whole)
        _ = socket.send(Line(joinRef: "2", ref: "2", topic: "t", event: "phx_join"))
        #expect(socket.state.passState(of: one) == .dropped)
        #expect(socket.state.passDiff(of: one) == .dropped)
        #expect(socket.state.passDiff(of: ChannelID(number: 2)) == .dropped)
    }

    @Test func `version 1 shares states too, and join_ref=always stamps diffs`() throws {
        var old = try socket(.v1)
        #expect(old.state.passState(of: one) == .whole)
        #expect(old.state.passDiff(of: one) == .whole)
        var stamped = try socket(query: "join_ref=always")
        _ = stamped.state.passState(of: one)
        let joinRef = try ref("1")
        #expect(stamped.state.passDiff(of: one) == .behind(joinRef))
    }

    @Test func `after dropped diffs each channel waits for a state`() throws {
        var socket = try socket()
        _ = socket.state.passState(of: one)
        #expect(socket.state.channelsWithoutState == [ChannelID(number: 2)], "a join without an answer has none")
        #expect(socket.handle(.queueLost) == [])
        #expect(socket.state.passDiff(of: one) == .dropped)
        #expect(socket.state.channelsWithoutState == [one, ChannelID(number: 2)])
        _ = socket.state.passState(of: one)
        #expect(socket.state.passDiff(of: one) == .whole)
    }

    @Test func `a client that cannot take a second state is closed with 1013`() throws {
        var socket = try socket(query: "repair=close")
        #expect(socket.handle(.queueLost) == ["close 1013", "leave 1 5", "leave 2 5"])
    }

    @Test func `the end of the credential is announced on each channel`() throws {
        var socket = try socket()
        let payload = #"{"expires_at":"2026-01-01T00:00:00.000Z"}"#
        #expect(
            socket.handle(.expiring(payload: Array(payload.utf8)))
                == ["a", "b"].enumerated().map { index, topic in
                    Line(joinRef: "\(index + 1)", ref: nil, topic: topic, event: "expiring", payload: payload)
                        .server(.v2)
                })
    }

    @Test func `a channel that joins after the announcement gets it behind its answer`() throws {
        var socket = try TestSocket()
        let payload = #"{"expires_at":"2026-01-01T00:00:00.000Z"}"#
        #expect(socket.handle(.expiring(payload: Array(payload.utf8))) == [])
        let join = Line(joinRef: "1", ref: "1", topic: "t", event: "phx_join", payload: #"{"name":"alice"}"#)
        #expect(socket.send(join) == ["join 1 t alice"])
        let announcement = Line(joinRef: "1", ref: nil, topic: "t", event: "expiring", payload: payload).server(.v2)
        #expect(
            socket.handle(.joined(ChannelID(number: 1))).suffix(2) == ["subscribe 1", announcement])
    }

    @Test func `a user with a token is present under its key`() throws {
        var socket = try TestSocket(ownKey: try Key("carol"))
        let join = Line(joinRef: "1", ref: "1", topic: "t", event: "phx_join", payload: #"{"name":"alice"}"#)
        #expect(socket.send(join) == ["join 1 t carol"])
    }
}
