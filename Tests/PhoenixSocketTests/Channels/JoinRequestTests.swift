// Rollcall · PhoenixSocketTests

import Basics
import JSONText
import PresenceModel
import PresenceText
import Testing

@testable import PhoenixSocket

@Suite("Joins")
struct JoinRequestTests {
    private let limits = Limits()

    private func request(
        _ payload: String, topic: String = "room:lobby", query: String = "", ownKey: Key? = nil
    ) throws -> JoinRequest {
        let line = Line(joinRef: "1", ref: "1", topic: topic, event: "phx_join", payload: payload)
        return try JoinRequest(
            ClientMessage(line.client(.v2), version: .v2), SocketParameters(query: query), ownKey: ownKey,
            limits: limits)
    }

    @Test(
        arguments: [
            (#"{"key":"a","name":"b","user_id":"c"}"#, "key=d", "a"), (#"{"name":"b","user_id":"c"}"#, "key=d", "b"),
            (#"{"user_id":"c"}"#, "key=d", "c"), (#"{"user_id":42}"#, "", "42"), ("{}", "key=d&user_id=e&name=f", "d"),
            ("{}", "name=f&user_id=e", "e"), ("{}", "name=f", "f"), (#"{"key":"","name":null}"#, "name=f", "f"),
            (#"{"key":{},"name":true,"user_id":1.5}"#, "", nil), ("{}", "key=", nil), ("null", "", nil),
        ] as [(String, String, String?)])
    func `the key is the first of those that payload and parameters name`(
        payload: String, query: String, key: String?
    ) throws {
        let request = try request(payload, query: query)
        #expect(request.member?.key.text == key && request.tracksAtOnce == (key != nil))
    }

    @Test func `a user with a token is present under its own key only, and a name that was sent is ignored`() throws {
        let alice = try Key("alice")
        for payload in [#"{"key":"bob"}"#, #"{"name":""}"#, "{}"] {
            let request = try request(payload, query: "user_id=carol", ownKey: alice)
            #expect(request.member?.key == alice && request.tracksAtOnce)
        }
    }

    @Test func `the session is that of the payload, else of the socket, else random for each join`() throws {
        let named = try request(#"{"key":"a","session":"tab-1"}"#, query: "session=tab-2")
        #expect(named.member?.session.text == "tab-1" && named.isSessionNamed)
        let ofSocket = try request(#"{"key":"a","session":null}"#, query: "session=tab-2")
        #expect(ofSocket.member?.session.text == "tab-2" && ofSocket.isSessionNamed)
        let random = try [request(#"{"key":"a"}"#), request(#"{"key":"a"}"#)]
        #expect(random[0].member?.session != random[1].member?.session && !random[0].isSessionNamed)
    }

    @Test func `the meta is that of the payload, and the default has the time as text`() throws {
        #expect(try request(#"{"key":"a","meta":{"n" : 1e400}}"#).meta?.json == Array(#"{"n":1e400}"#.utf8))
        #expect(try request(#"{"key":"a"}"#).meta == nil && request(#"{"key":"a","meta":null}"#).meta == nil)
        #expect(JoinRequest.defaultMeta(at: 1_700_000_000).json == Array(#"{"online_at":"1700000000"}"#.utf8))
    }

    @Test(
        arguments: [
            ("[]", "", "#"), ("1", "", "#"), (#"{"key":"a","meta":[]}"#, "", "#/meta"),
            (#"{"key":"a","meta":{"phx_ref":1}}"#, "", "#/meta/phx_ref"), (#"{"key":"a","a":1,"a":2}"#, "", "#/a"),
            (#"{"key":"a","session":"a b"}"#, "", "#/session"), (#"{"key":"a","session":1}"#, "", "#/session"),
            (#"{"key":"a","grace":61}"#, "", "#/grace"), (#"{"key":"a","grace":"5"}"#, "", "#/grace"),
            (#"{"key":"a\u0000"}"#, "", "#/key"), ("{}", "key=a%00", "key"), ("{}", "key=a&session=a.b", "session"),
            ("{}", "key=a&grace=x", "grace"),
        ])
    func `a value that is not valid is refused, with its place`(payload: String, query: String, place: String) {
        let error = #expect(throws: InputError.self) { try request(payload, query: query) }
        #expect((error?.pointer ?? error?.parameter) == place)
    }

    @Test(arguments: ["", String(repeating: "a", count: 257)])
    func `a topic that is no name is refused`(topic: String) {
        #expect(throws: InputError.self) { try request("{}", topic: topic) }
    }

    @Test func `a binary join is refused`() throws {
        let bytes = [0, 1, 1, 1, 8] + Array("11tphx_join".utf8) as [UInt8]
        let message = try ClientMessage(.binary(bytes), version: .v2)
        #expect(throws: InputError.self) {
            try JoinRequest(message, SocketParameters(query: nil), ownKey: nil, limits: limits)
        }
    }

    // MARK: supabase

    private let config = #"{"config":{"broadcast":{"ack":false},"presence":{"key":""},"private":false}}"#

    @Test func `a client of supabase joins the topic behind its prefix, and tracks later, under a drawn key`() throws {
        let request = try request(config, topic: "realtime:room1")
        #expect(request.topic.text == "room1" && request.topicPrefix == .realtime && !request.tracksAtOnce)
        let other = try self.request(config, topic: "realtime:room1")
        #expect(request.member != nil && request.member?.key != other.member?.key)
        let keyed = config.replacing(#""key":"""#, with: #""key":"alice""#)
        #expect(try self.request(keyed, topic: "realtime:room1").member?.key.text == "alice")
        let bob = try Key("bob")
        #expect(try self.request(keyed, topic: "realtime:room1", ownKey: bob).member?.key == bob)
    }

    @Test func `without a config, or without the prefix, a join is one of Phoenix`() throws {
        let plain = try request(#"{"key":"a"}"#, topic: "realtime:room1")
        #expect(plain.topic.text == "realtime:room1" && plain.topicPrefix == .none && plain.tracksAtOnce)
        let other = try request(config, topic: "room1")
        #expect(other.topic.text == "room1" && other.topicPrefix == .none && other.member == nil)
    }

    // MARK: Release

    @Test(
        arguments: [
            (#"{"key":"a"}"#, 0, 5), (#"{"key":"a","session":"s"}"#, 5, 5), (#"{"key":"a","grace":7}"#, 7, 7),
            (#"{"key":"a","grace":0}"#, 0, 0), (#"{"key":"a","session":"s","grace":0}"#, 0, 0),
        ])
    func `a client that leaves is gone at once, unless it names a session or a grace`(
        payload: String, afterLeave: Int, afterLoss: Int
    ) throws {
        let request = try request(payload)
        #expect(request.release(after: .left, limits: limits) == ChannelRelease(grace: afterLeave, isRemoved: false))
        #expect(request.release(after: .lost, limits: limits) == ChannelRelease(grace: afterLoss, isRemoved: false))
        #expect(request.release(after: .removed, limits: limits) == ChannelRelease(grace: 0, isRemoved: true))
    }
}
