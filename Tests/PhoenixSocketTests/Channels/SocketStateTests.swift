// Rollcall · PhoenixSocketTests

import NIOCore
import PresenceModel
import Testing

@testable import PhoenixSocket

@Suite("The state of a socket")
struct SocketStateTests {
    private func join(_ topic: String, _ ref: String, _ payload: String = #"{"name":"alice"}"#) -> Line {
        Line(joinRef: ref, ref: ref, topic: topic, event: "phx_join", payload: payload)
    }

    // MARK: Many channels

    @Test func `a socket has 100 channels, and the 101st join is refused`() throws {
        var socket = try TestSocket()
        for number in 1...100 { try socket.join("room:\(number)", ref: "\(number)") }
        #expect(socket.state.channelCount == 100)
        let refused = socket.send(join("room:101", "101"))
        #expect(refused == [Line.error("101", "101", "room:101", reason: "too many channels joined").server(.v2)])
        #expect(socket.send(join("room:7", "107")) == ["join 101 room:7 alice"], "a channel may be joined again")
        #expect(socket.send(Line(joinRef: nil, ref: "1", topic: "room:8", event: "phx_leave")).count == 3)
        #expect(socket.send(join("room:101", "108")) == ["join 102 room:101 alice"])
    }

    @Test func `16 joins run at once, and all 100 are answered`() throws {
        var socket = try TestSocket()
        var running: [Int] = []
        for number in 1...100 {
            let words = socket.send(join("room:\(number)", "\(number)"))
            #expect(words == (number <= 16 ? ["join \(number) room:\(number) alice"] : []))
            if number <= 16 { running.append(number) }
        }
        var answered = 0
        while let number = running.popLast() {
            let words = socket.handle(.joined(ChannelID(number: number)))
            #expect(words[0] == Line.ok("\(number)", "\(number)", "room:\(number)").server(.v2))
            #expect(words[1] == "subscribe \(number)")
            answered += 1
            if words.count > 2, let next = words[2].split(separator: " ").dropFirst().first.flatMap({ Int($0) }) {
                running.append(next)
            }
        }
        #expect(answered == 100)
    }

    @Test func `a join that waits can be left and replaced, and then never runs`() throws {
        var socket = try TestSocket()
        for number in 1...16 { _ = socket.send(join("room:\(number)", "\(number)")) }
        #expect(socket.send(join("a", "17")) == [])
        #expect(socket.send(Line(joinRef: "17", ref: "18", topic: "a", event: "phx_leave")).count == 1)
        #expect(socket.send(join("b", "19")) == [])
        #expect(socket.send(join("b", "20")) == [Line.close("19", "b").server(.v2)])
        #expect(socket.handle(.joined(ChannelID(number: 1))).last == "join 19 b alice")
        #expect(socket.handle(.joined(ChannelID(number: 2))).last == "subscribe 2")
    }

    // MARK: One packet

    @Test(arguments: SocketVersion.allCases)
    func `join, leave and join in one packet end in the second join`(version: SocketVersion) throws {
        var socket = try TestSocket(version)
        #expect(socket.send(join("t", "1")) == ["join 1 t alice"])
        let leave = Line(joinRef: "1", ref: "2", topic: "t", event: "phx_leave")
        #expect(socket.send(leave) == [Line.ok("1", "2", "t").server(version)])
        #expect(socket.send(join("t", "3")) == ["join 2 t alice"])
        #expect(
            socket.handle(.joined(ChannelID(number: 2))) == [Line.ok("3", "3", "t").server(version), "subscribe 2"])
        #expect(socket.handle(.joined(ChannelID(number: 1))) == ["leave 1 0"])
    }

    @Test func `a join that replaces a join which replaces a channel closes both`() throws {
        var socket = try TestSocket()
        try socket.join("t", ref: "1")
        #expect(socket.send(join("t", "2")) == ["join 2 t alice"])
        #expect(socket.send(join("t", "3")) == [Line.close("2", "t").server(.v2), "join 3 t alice"])
        #expect(
            socket.handle(.joined(ChannelID(number: 3))) == [
                Line.ok("3", "3", "t").server(.v2), Line.close("1", "t").server(.v2), "leave 1 0", "subscribe 3",
            ])
        #expect(socket.handle(.joined(ChannelID(number: 2))) == ["leave 2 0"])
    }

    @Test func `leaving a join that replaces a channel closes that too`() throws {
        var socket = try TestSocket()
        try socket.join("t", ref: "1")
        _ = socket.send(join("t", "2"))
        #expect(
            socket.send(Line(joinRef: "2", ref: "3", topic: "t", event: "phx_leave")) == [
                Line.ok("2", "3", "t").server(.v2), Line.close("1", "t").server(.v2), "leave 1 0",
            ])
    }

    @Test func `at most 16 messages wait for joins, and none of them is lost`() throws {
        var socket = try TestSocket()
        _ = socket.send(join("t", "1"))
        for number in 1...16 {
            let line = Line(joinRef: "1", ref: "\(number)", topic: "t", event: "x")
            #expect(socket.send(line) == [])
        }
        let refused = socket.send(Line(joinRef: "1", ref: "17", topic: "t", event: "x"))
        #expect(refused == [Line.error("1", "17", "t", reason: "too many messages wait").server(.v2)])
        #expect(socket.handle(.joined(ChannelID(number: 1))).count == 18)
        _ = socket.send(join("u", "2"))
        #expect(socket.send(Line(joinRef: "2", ref: "18", topic: "u", event: "x")) == [], "there is room again")
    }

    @Test func `messages that wait for joins have at most 64 KiB together`() throws {
        var socket = try TestSocket()
        _ = socket.send(join("t", "1"))
        let payload = #"{"meta":{"a":"\#(String(repeating: "a", count: 40_000))"}}"#
        #expect(socket.send(Line(joinRef: "1", ref: "2", topic: "t", event: "update", payload: payload)) == [])
        let second = socket.send(Line(joinRef: "1", ref: "3", topic: "t", event: "update", payload: payload))
        #expect(second.first?.contains("too many messages wait") == true)
        _ = socket.send(Line(joinRef: "1", ref: "4", topic: "t", event: "phx_leave"))
        _ = socket.send(join("t", "5"))
        #expect(socket.send(Line(joinRef: "5", ref: "6", topic: "t", event: "update", payload: payload)) == [])
    }

    // MARK: Changes

    @Test func `a track and an update are answered with the ref, a push of supabase with nothing`() throws {
        var socket = try TestSocket()
        try socket.join("t")
        let ref = try #require(Ref(utf8: "AAAAAAAAAAAAAAAA".utf8))
        for event in ["track", "update"] {
            let line = Line(joinRef: #""1""#, ref: "2", topic: "t", event: event, payload: #"{"meta":{}}"#)
            #expect(socket.send(line) == ["change 1 \(event) {}"])
            let answer = socket.handle(.changed(ChannelID(number: 1), .done(ref)))
            #expect(answer == [Line.ok(#""1""#, "2", "t", #"{"phx_ref":"AAAAAAAAAAAAAAAA"}"#).server(.v2)])
        }
        let payload = #"{"type":"presence","event":"track","payload":{"online":true}}"#
        let push = Line(joinRef: #""1""#, ref: "3", topic: "t", event: "presence", payload: payload)
        #expect(socket.send(push) == [#"change 1 track {"online":true}"#])
        #expect(socket.handle(.changed(ChannelID(number: 1), .done(ref))) == [Line.ok(#""1""#, "3", "t").server(.v2)])
    }

    @Test func `changes above the rate run in their order, and each message is answered once`() throws {
        var socket = try TestSocket()
        try socket.join("t")
        var words: [String] = []
        for number in 1...5 {
            let payload = #"{"meta":{"n":\#(number)}}"#
            words += socket.send(Line(joinRef: nil, ref: "\(number)", topic: "t", event: "update", payload: payload))
        }
        #expect(words == [#"change 1 update {"n":1}"#])
        let ok = (1...5).map { Line.ok(nil, "\($0)", "t").server(.v2) }
        #expect(socket.handle(.changed(ChannelID(number: 1), .done(nil))) == [ok[0], #"change 1 update {"n":5}"#])
        #expect(socket.handle(.changed(ChannelID(number: 1), .done(nil))) == Array(ok[1...]))
    }

    @Test func `a channel without a key changes nothing`() throws {
        var socket = try TestSocket()
        #expect(socket.send(join("t", "1", "{}")) == ["join 1 t -"])
        _ = socket.handle(.joined(ChannelID(number: 1)))
        let words = socket.send(Line(joinRef: "1", ref: "2", topic: "t", event: "track", payload: #"{"meta":{}}"#))
        #expect(words.count == 1 && words[0].contains(#""reason":"no key""#))
    }

    @Test func `a change that is wrong is refused with its reason and a detail`() throws {
        var socket = try TestSocket()
        try socket.join("t", ref: "1")
        let words = socket.send(Line(joinRef: "1", ref: "2", topic: "t", event: "update", payload: #"{"meta":7}"#))
        let response =
            #"{"reason":"The request has fields that are wrong","detail":"A meta is a JSON object, not a number."}"#
        #expect(words == [#"[1,2,"t","phx_reply",{"status":"error","response":\#(response)}]"#])
    }

    @Test func `the result of a change of an earlier join is dropped`() throws {
        var socket = try TestSocket()
        try socket.join("t", ref: "1")
        _ = socket.send(Line(joinRef: "1", ref: "2", topic: "t", event: "untrack"))
        try socket.join("t", ref: "3")
        #expect(socket.handle(.changed(ChannelID(number: 1), .done(nil))) == [])
        #expect(socket.send(Line(joinRef: "3", ref: "4", topic: "t", event: "untrack")) == ["change 2 untrack"])
    }

    // MARK: Names

    @Test func `topics are compared as bytes, and a prefix makes another channel of the same topic`() throws {
        var socket = try TestSocket()
        let config = #"{"config":{"presence":{"key":"alice"}}}"#
        #expect(socket.send(join("u\u{308}", "1")) == ["join 1 u\u{308} alice"])
        #expect(socket.send(join("ü", "2")) == ["join 2 ü alice"])
        #expect(socket.send(join("t", "3")) == ["join 3 t alice"])
        #expect(socket.send(join("realtime:t", "4", config)) == ["join 4 t alice"])
        #expect(socket.handle(.joined(ChannelID(number: 4)))[0] == Line.ok("4", "4", "realtime:t").server(.v2))
        #expect(socket.state.channelCount == 4)
    }

    @Test func `a join with a topic that is no name is refused`() throws {
        var socket = try TestSocket()
        for topic in ["", String(repeating: "a", count: 257)] {
            let words = socket.send(join(topic, "1"))
            #expect(words.count == 1 && words[0].hasPrefix("[1,1,") && words[0].contains("A topic has 1 to 256 bytes"))
        }
        #expect(socket.state.channelCount == 0)
    }
}
