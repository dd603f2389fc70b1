// Rollcall · PresenceServerTests

import HTTPTypes
import JSONText
import PresenceServer
import TestSupport
import Testing

@Suite("Presence routes")
struct PresenceRoutesTests {
    private let list = "/v1/topics/room:lobby/presences"
    private let alice = "/v1/topics/room:lobby/presences/alice/tab-1"

    @Test func `A track answers 201 with a Location, a receipt and the ref as ETag`() async throws {
        try await withServer { server in
            let answer = try await server.send(
                .post, self.list, #"{"key":"alice","session":"tab-1","meta":{"n":1e400},"ttl":60}"#,
                type: "application/json")
            #expect(answer.status == 201)
            #expect(answer.header("Location") == self.alice)
            #expect(answer.header("Content-Type") == "application/json")
            #expect(answer.text.hasSuffix("}\n"))
            let json = try answer.json
            #expect(
                json["topic"] == "room:lobby" && json["key"] == "alice" && json["session"] == "tab-1"
                    && json["ttl"] == 60)
            let ref = try #require(json["phx_ref"]?.string)
            #expect(answer.header("ETag") == "\"\(ref)\"")
            #expect(
                Set((json.object ?? [:]).keys.map(\.text)) == [
                    "topic", "key", "session", "phx_ref", "ttl", "expires_at", "renew_before", "cursor",
                ])
            let expires = try #require(json["expires_at"]?.string)
            let renew = try #require(json["renew_before"]?.string)
            #expect(expires.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
            #expect(renew < expires)

            let read = try await server.send(.get, self.alice)
            #expect(read.status == 200)
            #expect(read.text.contains(#""meta":{"n":1e400}"#))
            #expect(try read.json["phx_ref"]?.string == ref)
            #expect(try read.json["cursor"] == json["cursor"])
        }
    }

    @Test func `A track of a present session is a 409 that gives the present ref`() async throws {
        try await withServer { server in
            let body = #"{"key":"alice","session":"tab-1"}"#
            let ref = try await server.send(.post, self.list, body).json["phx_ref"]
            let answer = try await server.send(.post, self.list, body)
            #expect(answer.status == 409)
            #expect(try answer.json["phx_ref"] == ref)
            #expect(try answer.json["type"] == "/problems/presence-exists")
        }
    }

    @Test func `The server draws a session if the client gives none, and Location is percent-encoded`() async throws {
        try await withServer { server in
            let answer = try await server.send(
                .post, "/v1/topics/a%2Fb%20%C3%BC/presences", #"{"key":"100%/__proto__"}"#)
            #expect(answer.status == 201)
            let session = try #require(try answer.json["session"]?.string)
            let location = try #require(answer.header("Location"))
            #expect(location == "/v1/topics/a%2Fb%20%C3%BC/presences/100%25%2F__proto__/\(session)")
            let read = try await server.send(.get, location)
            #expect(read.status == 200)
            #expect(try read.json["topic"] == "a/b ü")
            #expect(try read.json["key"] == "100%/__proto__")
        }
    }

    @Test func `PUT creates, then replaces, then only renews, and members that it leaves out stay`() async throws {
        try await withServer { server in
            let created = try await server.send(.put, self.alice, #"{"meta":{"a":1},"ttl":100}"#)
            #expect(created.status == 201)
            #expect(created.header("Location") == self.alice)
            let again = try await server.send(.put, self.alice, #"{ "meta": { "a": 1 } }"#)
            #expect(again.status == 200)
            #expect(try again.json["phx_ref"] == created.json["phx_ref"])
            #expect(try again.json["cursor"] == created.json["cursor"])
            #expect(try again.json["ttl"] == 100)
            let bare = try await server.send(.put, self.alice)
            #expect(bare.status == 200)
            #expect(try bare.json["phx_ref"] == created.json["phx_ref"])
            let changed = try await server.send(.put, self.alice, #"{"meta":{"a":2}}"#)
            #expect(changed.status == 200)
            #expect(try changed.json["phx_ref"] != created.json["phx_ref"])
            #expect(try await server.send(.get, self.alice).text.contains(#""meta":{"a":2}"#))
        }
    }

    @Test func `PATCH merges into the meta, by either media type, and leaves the rest as it was`() async throws {
        try await withServer { server in
            let put = try await server.send(.put, self.alice, #"{"meta":{"a":1.0,"b":[],"c":"x"}}"#)
            let ref = try #require(try put.json["phx_ref"]?.string)
            let patched = try await server.send(
                .patch, self.alice, #"{"c":null,"d":{"e":true}}"#, type: "application/merge-patch+json; charset=utf-8",
                headers: [("If-Match", "\"\(ref)\"")])
            #expect(patched.status == 200)
            #expect(try patched.json["phx_ref"]?.string != ref)
            #expect(try await server.send(.get, self.alice).text.contains(#""meta":{"a":1.0,"b":[],"d":{"e":true}}"#))
            let same = try await server.send(
                .patch, self.alice, "{}", type: "application/json", headers: [("If-Match", "*")])
            #expect(same.status == 200)
            #expect(try same.json["phx_ref"] == patched.json["phx_ref"])
        }
    }

    @Test func `A stale If-Match is a 412 that gives the present ref, and changes nothing`() async throws {
        try await withServer { server in
            let first = try await server.send(.put, self.alice, #"{"meta":{"a":1}}"#).json["phx_ref"]?.string ?? ""
            let second = try await server.send(.put, self.alice, #"{"meta":{"a":2}}"#).json["phx_ref"]
            for tag in [first, "0000000000000000", "stale"] {
                let answer = try await server.send(
                    .patch, self.alice, #"{"a":3}"#, headers: [("If-Match", "\"\(tag)\"")])
                #expect(answer.status == 412)
                #expect(try answer.json["phx_ref"] == second)
            }
            #expect(try await server.send(.get, self.alice).text.contains(#""meta":{"a":2}"#))
        }
    }

    @Test func `PATCH and heartbeat of an absent presence are a 404`() async throws {
        try await withServer { server in
            for (method, path) in [("PATCH", self.alice), ("POST", self.alice + "/heartbeat"), ("GET", self.alice)] {
                let answer = try await server.send(.init(rawValue: method)!, path, method == "GET" ? nil : "{}")
                #expect(answer.status == 404)
                #expect(try answer.json["type"] == "/problems/presence-absent")
            }
            let conditional = try await server.send(.patch, self.alice, "{}", headers: [("If-Match", "\"stale\"")])
            #expect(conditional.status == 404)
        }
    }

    @Test func `One presence with If-None-Match is a 304 while its ref stays, also if its lease has moved`()
        async throws
    {
        try await withServer { server in
            let put = try await server.send(.put, self.alice, #"{"meta":{"n":1}}"#)
            let tag = try #require(put.header("ETag"))
            for field in [tag, "W/\(tag)", "\"x\", \(tag)", "\(tag.dropLast())-gzip\"", "*"] {
                let same = try await server.send(.get, self.alice, headers: [("If-None-Match", field)])
                #expect(same.status == 304 && same.bytes.isEmpty, "\(field)")
                #expect(same.header("ETag") == tag && same.header("Cache-Control") == "no-store")
            }
            #expect(try await server.send(.post, self.alice + "/heartbeat", #"{"ttl":100}"#).status == 200)
            #expect(try await server.send(.get, self.alice, headers: [("If-None-Match", tag)]).status == 304)
            let other = [("If-None-Match", "\"0000000000000000\", \"\"")]
            #expect(try await server.send(.get, self.alice, headers: other).status == 200)
            #expect(try await server.send(.put, self.alice, #"{"meta":{"n":2}}"#).status == 200)
            let new = try await server.send(.get, self.alice, headers: [("If-None-Match", tag)])
            #expect(new.status == 200 && new.header("ETag") != tag && new.text.contains(#""meta":{"n":2}"#))
            #expect(try await server.send(.delete, self.alice).status == 204)
            for field in [tag, "*"] {
                #expect(try await server.send(.get, self.alice, headers: [("If-None-Match", field)]).status == 404)
            }
        }
    }

    @Test func `A heartbeat keeps or changes the ttl and publishes nothing`() async throws {
        try await withServer { server in
            let put = try await server.send(.put, self.alice, #"{"ttl":77}"#)
            let kept = try await server.send(.post, self.alice + "/heartbeat")
            #expect(kept.status == 200)
            #expect(try kept.json["ttl"] == 77)
            let moved = try await server.send(.post, self.alice + "/heartbeat", #"{"ttl":5}"#)
            #expect(try moved.json["ttl"] == 5)
            #expect(try moved.json["cursor"] == put.json["cursor"])
            #expect(try moved.json["phx_ref"] == put.json["phx_ref"])
        }
    }

    @Test func `DELETE ends one session or all of a key, and is a 204 even if none was present`() async throws {
        try await withServer { server in
            for session in ["one", "two", "three"] {
                _ = try await server.send(.put, self.list + "/alice/\(session)")
            }
            let gone = try await server.send(.delete, self.list + "/alice/one")
            #expect(gone.status == 204 && gone.bytes.isEmpty)
            #expect(try await server.send(.get, self.list + "/alice").json["metas"]?.array?.count == 2)
            #expect(try await server.send(.delete, self.list + "/alice").status == 204)
            #expect(try await server.send(.get, self.list + "/alice").status == 404)
            #expect(try await server.send(.delete, self.list + "/alice").status == 204)
            #expect(try await server.send(.delete, self.list + "/alice/one").status == 204)
        }
    }

    @Test func `JSON sent as curl -d sends it, or without a type, is taken`() async throws {
        try await withServer { server in
            for type in [nil, "application/x-www-form-urlencoded", "Application/JSON ; charset=utf-8"] {
                let answer = try await server.send(.post, self.list, #"{"key":"bob"}"#, type: type)
                #expect(answer.status == 201)
            }
        }
    }
}
