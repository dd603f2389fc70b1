// Rollcall · PhoenixSocketTests

import Basics
import PresenceModel
import Testing

@testable import PhoenixSocket

@Suite("Changes that clients ask for")
struct PresenceChangeTests {
    private func change(_ event: String, _ payload: String) throws -> PresenceChange? {
        let line = Line(joinRef: "1", ref: "2", event: event, payload: payload)
        return try PresenceChange(ClientMessage(line.client(.v2), version: .v2), limits: Limits())
    }

    @Test(
        arguments: [
            ("update", #"{"meta":{"a" : 1}}"#, #"update {"a":1}"#),
            ("update", #"{"patch":{"a":null}}"#, #"patch {"a":null}"#),
            ("track", "{}", "track -"), ("track", #"{"meta":{"a":1}}"#, #"track {"a":1}"#),
            ("track", #"{"meta":null}"#, "track -"), ("untrack", "{}", "untrack"), ("untrack", "null", "untrack"),
            ("presence", #"{"type":"presence","event":"track","payload":{"a":1}}"#, #"track {"a":1}"#),
            ("presence", #"{"event":"track"}"#, "track -"), ("presence", #"{"event":"untrack"}"#, "untrack"),
            ("presence", #"{"event":"untrack","payload":{}}"#, "untrack"),
        ])
    func `each event is a change`(event: String, payload: String, words: String) throws {
        #expect(try change(event, payload)?.words == words)
    }

    @Test(
        arguments: [
            ("new_msg", "{}"), ("presence", #"{"event":"sync"}"#), ("presence", "{}"), ("Update", "{}"),
            ("access_token", #"{"access_token":"x"}"#), ("presence_state", "{}"), ("", "{}"),
        ])
    func `another event is not known`(event: String, payload: String) throws {
        #expect(try change(event, payload) == nil)
    }

    @Test func `a binary push is not known`() throws {
        let bytes = [0, 1, 1, 1, 6] + Array("12tupdate".utf8) as [UInt8]
        let message = try ClientMessage(.binary(bytes), version: .v2)
        #expect(try PresenceChange(message, limits: Limits()) == nil)
    }

    @Test(
        arguments: [
            ("update", "{}", "The request has fields that are wrong"),
            ("update", "[]", "The request has fields that are wrong"),
            ("update", #"{"meta":{},"patch":{}}"#, "The request has fields that are wrong"),
            ("update", #"{"meta":1}"#, "The request has fields that are wrong"),
            ("update", #"{"patch":[]}"#, "The request has fields that are wrong"),
            ("update", #"{"patch":{"phx_ref":"x"}}"#, "The request has fields that are wrong"),
            ("update", #"{"meta":{"a":1,"a":2}}"#, "The request has fields that are wrong"),
            ("track", #"{"meta":{"a":"\ud800"}}"#, "The request has fields that are wrong"),
            ("presence", #"{"event":"track","payload":[]}"#, "The request has fields that are wrong"),
            ("track", #"{"meta":{"a":"\#(String(repeating: "a", count: 4_096))"}}"#, "The meta is too large"),
        ])
    func `a payload that is wrong is refused, with the title of the problem of a PATCH`(
        event: String, payload: String, reason: String
    ) {
        let error = #expect(throws: InputError.self) { try change(event, payload) }
        #expect(error?.reason == reason)
    }
}
