// Rollcall · PresenceServerTests

import Access
import AccessSamples
import Foundation
import HTTPTypes
import JSONText
import PresenceStore
import TestSupport
import Testing

@testable import PresenceServer

@Suite("Revoking credentials and removing keys")
struct RevocationRoutesTests {
    private static let revocations = "/v1/revocations"
    private static let removals = "/v1/removals"

    /// A server with the secret of the tests, and the fields of a request with an API key that may do all.
    private func withServer(
        _ body: @Sendable (TestServer, _ admin: [(String, String)]) async throws -> Void
    ) async throws {
        let key = APIKey.draw()
        let entry =
            #"{"id":"\#(key.id)","sha256":"\#(APIKey.sha256(of: key.text))","#
            + #""topic_prefixes":{"":["track:any","see"]},"service":["revoke","remove"]}"#
        var keys = Credentials.Keys()
        keys.apiKeys = try APIKeys(JSON(parsing: "[\(entry)]"))
        keys.tokenKeys = try await TokenKeys(secret: SampleToken.secret)
        try await PresenceServerTests.withServer(credentials: Credentials(keys, isOpen: false)) { server in
            try await body(server, [("Authorization", "Bearer \(key.text)")])
        }
    }

    private func user(_ key: String, issuedAt: Date? = nil, jti: String? = nil) -> [(String, String)] {
        var more: [String] = []
        if let issuedAt { more.append("\"iat\":\(issuedAt.timeIntervalSince1970)") }
        if let jti { more.append("\"jti\":\"\(jti)\"") }
        let payload = SampleToken.payload(key, more: more.joined(separator: ","))
        return [("Authorization", "Bearer " + SampleToken.hs256(payload))]
    }

    private func status(_ server: TestServer, _ headers: [(String, String)]) async throws -> Int {
        try await server.send(.get, "/v1/topics/room:1/presences", headers: headers).status
    }

    // MARK: Revocations

    @Test func `A revocation refuses tokens with an earlier iat, is listed, and can be lifted`() async throws {
        try await withServer { server, admin in
            let (old, new) = (user("alice", issuedAt: Date.now - 10), user("alice", issuedAt: Date.now + 20))
            #expect(try await status(server, old) == 200)
            let made = try await server.send(.post, Self.revocations, #"{"sub":"alice"}"#, headers: admin)
            #expect(made.status == 201 && made.header("Cache-Control") == "no-store", "\(made.text)")
            let revocation = try made.json
            #expect(revocation["sub"]?.string == "alice" && revocation["issued_before"] == revocation["created_at"])
            #expect(revocation["refuse_until"] == nil && revocation["expires_at"]?.string?.hasSuffix("Z") == true)

            let refused = try await server.send(.get, "/v1/topics/room:1/presences", headers: old)
            #expect(refused.status == 401 && refused.text.contains("The token was revoked."))
            #expect(refused.header("WWW-Authenticate") == #"Bearer realm="rollcall", error="invalid_token""#)
            #expect(try await status(server, user("alice")) == 401)
            #expect(try await status(server, new) == 200)
            #expect(try await status(server, user("bob")) == 200)

            let list = try await server.send(.get, Self.revocations, headers: admin)
            #expect(list.status == 200 && list.header("Cache-Control") == "no-store")
            #expect(try list.json == ["revocations": .array([revocation])])
            let id = try #require(revocation["id"]?.string)
            for _ in 0..<2 {
                #expect(try await server.send(.delete, "\(Self.revocations)/\(id)", headers: admin).status == 204)
                #expect(try await server.send(.get, Self.revocations, headers: admin).json == ["revocations": []])
                #expect(try await status(server, old) == 200)
            }
            #expect(try await server.send(.delete, "\(Self.revocations)/set", headers: admin).status == 204)
        }
    }

    @Test func `Until refuse_until a user is refused with every token, and a jti and an API key are revoked as well`()
        async throws
    {
        try await withServer { server, admin in
            let later = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 + 3600) * 1000)
            var text: [UInt8] = []
            later.write(to: &text)
            let until = String(decoding: text, as: UTF8.self)
            let ban = #"{"sub":"alice","jti":null,"issued_before":null,"refuse_until":"\#(until)"}"#
            let banned = try await server.send(.post, Self.revocations, ban, headers: admin)
            #expect(banned.status == 201)
            #expect(try banned.json["refuse_until"]?.string == until)
            #expect(try await status(server, user("alice", issuedAt: Date.now + 20)) == 401)

            let jti = try await server.send(.post, Self.revocations, #"{"jti":"a b"}"#, headers: admin)
            #expect(try jti.json["jti"]?.string == "a b" && jti.json["issued_before"] == nil)
            #expect(try await status(server, user("bob", issuedAt: Date.now + 20, jti: "a b")) == 401)
            #expect(try await status(server, user("bob", jti: "a")) == 200)

            let id = try #require(admin[0].1.split(separator: "_").dropFirst().first)
            let key = try await server.send(.post, Self.revocations, #"{"api_key":"\#(id)"}"#, headers: admin)
            #expect(try key.status == 201 && key.json["expires_at"] == nil)
            let refused = try await server.send(.get, Self.revocations, headers: admin)
            #expect(refused.status == 401 && refused.text.contains("The API key \(id) was revoked."))
        }
    }

    @Test(arguments: [
        ("", 400, [] as [String]), ("{}", 422, ["#"]), (#"{"sub":"a","jti":"b"}"#, 422, ["#"]),
        (#"{"sub":""}"#, 400, ["#/sub"]), (#"{"sub":1}"#, 422, ["#/sub"]), (#"{"jti":""}"#, 422, ["#/jti"]),
        (#"{"api_key":"short"}"#, 422, ["#/api_key"]),
        (#"{"sub":"a","issued_before":"yesterday"}"#, 422, ["#/issued_before"]),
        (#"{"sub":"a","issued_before":1700000000}"#, 422, ["#/issued_before"]),
        (#"{"sub":"a","issued_before":"0000-01-01T00:00:00+00:01"}"#, 422, ["#/issued_before"]),
        (#"{"sub":"a","refuse_until":"2020-01-01T00:00:00Z"}"#, 422, ["#/refuse_until"]),
        (#"{"api_key":"7qk2m0xd","issued_before":"2020-01-01T00:00:00Z"}"#, 422, ["#/issued_before"]),
        (#"{"sub":"a","reason":"x"}"#, 422, ["#/reason"]),
    ])
    func `A wrong revocation is refused where it is wrong`(body: String, status: Int, places: [String]) async throws {
        try await withServer { server, admin in
            let answer = try await server.send(.post, Self.revocations, body, headers: admin)
            #expect(answer.status == status, "\(answer.text)")
            #expect(Set(try answer.places) == Set(places))
            #expect(try await server.send(.get, Self.revocations, headers: admin).json == ["revocations": []])
        }
    }

    @Test func `A time of the first or the last year that can be written is taken, and shown again`() async throws {
        try await withServer { server, admin in
            for (time, end) in [
                ("0000-01-01T00:00:00.000Z", nil), ("9999-12-31T23:59:59.000Z", "9999-12-31T23:59:59.999Z"),
            ] as [(String, String?)] {
                let body = #"{"sub":"alice","issued_before":"\#(time)"}"#
                let made = try await server.send(.post, Self.revocations, body, headers: admin)
                #expect(try made.status == 201 && made.json["issued_before"]?.string == time, "\(made.text)")
                if let end { #expect(try made.json["expires_at"]?.string == end) }
            }
        }
    }

    @Test func `A jti of more than 256 bytes cannot be revoked`() async throws {
        try await withServer { (server, admin) async throws in
            for (count, status) in [(256, 201), (257, 422)] {
                let body = #"{"jti":"\#(String(repeating: "a", count: count))"}"#
                #expect(try await server.send(.post, Self.revocations, body, headers: admin).status == status)
            }
        }
    }

    @Test func `At the bound a revocation and a removal are refused, and nothing is removed`() async throws {
        try await withServer { server, admin in
            let path = "/v1/topics/room:1/presences/alice/s"
            #expect(try await server.send(.put, path, "{}", headers: admin).status == 201)
            let end = Date().timeIntervalSince1970 + 1000
            let many = (0..<PresenceStore.maximumRevocations).map { number in
                let revocation = Revocation(.token("\(number)"), at: 0, refuseUntil: end)
                return (id: revocation.id, record: revocation.record())
            }
            #expect(try await server.store.keepRevocations(many))
            for (path, body) in [
                (Self.revocations, #"{"sub":"alice"}"#), (Self.removals, #"{"topic":"room:1","key":"alice"}"#),
            ] {
                let answer = try await server.send(.post, path, body, headers: admin)
                #expect(answer.status == 409, "\(answer.text)")
                #expect(try answer.json["type"]?.string == "/problems/too-many-revocations")
            }
            #expect(try await server.send(.get, path, headers: admin).status == 200)
            let list = try await server.send(.get, Self.revocations, headers: admin)
            #expect(try list.json["revocations"]?.array?.count == PresenceStore.maximumRevocations)
        }
    }

    // MARK: Removals

    @Test func `A removal ends all sessions of a key on the topic, and refuses the user there`() async throws {
        try await withServer { server, admin in
            for place in ["room:1/presences/alice/a", "room:1/presences/alice/b", "room:2/presences/alice/a"] {
                #expect(try await server.send(.put, "/v1/topics/\(place)", "{}", headers: admin).status == 201)
            }
            let body = #"{"topic":"room:1","key":"alice"}"#
            let removed = try await server.send(.post, Self.removals, body, headers: admin)
            #expect(try removed.status == 200 && removed.json == ["removed": 2], "\(removed.text)")
            #expect(try await server.send(.post, Self.removals, body, headers: admin).json == ["removed": 0])

            let alice = user("alice")
            let requests: [(HTTPRequest.Method, String, String?)] = [
                (.get, "/v1/topics/room:1/presences", nil), (.get, "/v1/topics/room:1", nil),
                (.post, "/v1/topics/room:1/presences", "{}"), (.put, "/v1/topics/room:1/presences/alice/a", "{}"),
                (.delete, "/v1/topics/room:1/presences/alice", nil), (.post, "/v1/tickets", #"{"topic":"room:1"}"#),
            ]
            for (method, path, body) in requests {
                let answer = try await server.send(method, path, body, headers: alice)
                #expect(answer.status == 403, "\(method) \(path): \(answer.text)")
                #expect(try answer.json["type"]?.string == "/problems/removed")
                #expect(1...60 ~= Int(answer.header("Retry-After") ?? "") ?? 0)
                #expect(answer.header("WWW-Authenticate") == nil)
            }
            let operations = (1...2).map { #"{"op":"put","topic":"room:\#($0)","session":"c"}"# }
            let batch = #"{"operations":[\#(operations.joined(separator: ","))]}"#
            let results = try await server.send(.post, "/v1/batch", batch, headers: alice).json["results"]?.array
            #expect(results?.compactMap { $0["status"]?.int } == [403, 201])
            #expect(try await server.send(.get, "/v1/topics/room:2/presences", headers: alice).status == 200)
            #expect(try await status(server, user("bob")) == 200)

            // Another caller may not track the key there, and does all else.
            let put = try await server.send(.put, "/v1/topics/room:1/presences/alice/c", "{}", headers: admin)
            #expect(put.status == 403)
            let cleared = try await server.send(.delete, "/v1/topics/room:1/presences/alice", headers: admin)
            #expect(cleared.status == 204)
            #expect(try await server.send(.get, Self.revocations, headers: admin).json == ["revocations": []])
        }
    }

    @Test func `A removal of one session leaves the others, and refuses this session only`() async throws {
        try await withServer { (server, admin) async throws in
            let (old, new) = ("/v1/topics/room:1/presences/alice/old", "/v1/topics/room:1/presences/alice/new")
            for path in [old, new] { #expect(try await server.send(.put, path, "{}", headers: admin).status == 201) }
            let body = #"{"topic":"room:1","key":"alice","session":"old"}"#
            #expect(try await server.send(.post, Self.removals, body, headers: admin).json == ["removed": 1])
            let alice = user("alice")
            #expect(try await server.send(.get, old, headers: alice).status == 404)
            #expect(try await server.send(.put, old, "{}", headers: alice).status == 403)
            #expect(try await server.send(.put, new, "{}", headers: alice).status == 200)
            #expect(try await server.send(.post, new + "/heartbeat", headers: alice).status == 200)
        }
    }

    @Test(arguments: [
        ("", 400, [] as [String]), ("{}", 422, ["#/topic", "#/key"]), (#"{"key":"a"}"#, 422, ["#/topic"]),
        (#"{"topic":"t","key":""}"#, 400, ["#/key"]), (#"{"topic":"t","key":"a","session":"?"}"#, 400, ["#/session"]),
        (#"{"topic":"t","key":"a","seconds":5}"#, 422, ["#/seconds"]),
    ])
    func `A wrong removal is refused where it is wrong`(body: String, status: Int, places: [String]) async throws {
        try await withServer { server, admin in
            let answer = try await server.send(.post, Self.removals, body, headers: admin)
            #expect(answer.status == status, "\(answer.text)")
            #expect(Set(try answer.places) == Set(places))
        }
    }
}
