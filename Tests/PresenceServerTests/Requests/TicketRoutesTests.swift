// Rollcall · PresenceServerTests

import Access
import AccessSamples
import Foundation
import HTTPTypes
import PresenceModel
import PresenceStore
import Redis
import TestSupport
import Testing

@testable import PresenceServer

@Suite("Making tickets")
struct TicketRoutesTests {
    private static let path = "/v1/tickets"

    private func withUser(
        _ rights: String, _ body: @Sendable (TestServer, [(String, String)]) async throws -> Void
    ) async throws {
        var keys = Credentials.Keys()
        keys.tokenKeys = try await TokenKeys(secret: SampleToken.secret)
        let token = SampleToken.hs256(SampleToken.payload(rights: rights))
        try await withServer(credentials: Credentials(keys, isOpen: false)) { server in
            try await body(server, [("Authorization", "Bearer \(token)")])
        }
    }

    /// The ticket of an answer as Redis has it, read by the store.
    private func stored(_ answer: Answer, _ server: TestServer) async throws -> Ticket {
        let text = try #require(try answer.json["ticket"]?.string)
        let name = try #require(Ticket.name(of: text))
        let stored = try #require(try await server.store.ticket(name))
        return try #require(Ticket(record: stored.record))
    }

    @Test func `A ticket comes with the url of its stream, is not cached, and is in Redis as a hash only`()
        async throws
    {
        try await withServer { server in
            for (body, path) in [
                (#"{"topic":"room:a/b"}"#, "/v1/topics/room:a%2Fb/events"), (#"{"topics":["a","b"]}"#, "/v1/events"),
            ] {
                let answer = try await server.send(.post, Self.path, body)
                #expect(answer.status == 201, "\(answer.text)")
                #expect(answer.header("Cache-Control") == "no-store")
                let ticket = try #require(try answer.json["ticket"]?.string)
                #expect(try answer.json["url"]?.string == "\(path)?ticket=\(ticket)")
                #expect(try answer.json["expires_at"]?.string?.hasSuffix("Z") == true)
                #expect(try answer.json.object?.count == 3)
                #expect(try await !server.redisContents().contains(ticket))
            }
        }
    }

    @Test func `The url begins with the base path`() async throws {
        var options = ServerOptions()
        options.basePath = try #require(BasePath("/presence"))
        try await withServer(options: options) { server in
            let answer = try await server.send(.post, "/presence/v1/tickets", #"{"topic":"a"}"#)
            #expect(try answer.json["url"]?.string?.hasPrefix("/presence/v1/topics/a/events?ticket=") == true)
        }
    }

    @Test func `A ticket has the view that is named, or the most that the caller may see of all its topics`()
        async throws
    {
        let rights = #"{"topics":{"a":["see"],"b":["see:keys"],"c":["see:count"],"d":["track"]}}"#
        try await withUser(rights) { server, headers in
            for (body, see) in [
                (#"{"topic":"a"}"#, TopicRight.See.full), (#"{"topic":"a","view":"count"}"#, .count),
                (#"{"topics":["a","b"]}"#, .keys), (#"{"topics":["a","b","c"],"view":null}"#, .count),
                (#"{"topic":"d","present":{}}"#, .nothing),
            ] {
                let answer = try await server.send(.post, Self.path, body, headers: headers)
                #expect(try await stored(answer, server).see == see, "\(body)")
            }
            for (body, right) in [
                (#"{"topic":"b","view":"full"}"#, "see"), (#"{"topics":["a","d"]}"#, "see:count"),
                (#"{"topic":"d"}"#, "see:count"), (#"{"topic":"a","present":{}}"#, "track"),
                (#"{"topic":"d","present":{"key":"bob"}}"#, "track:any"),
            ] {
                let answer = try await server.send(.post, Self.path, body, headers: headers)
                #expect(answer.status == 403, "\(body)")
                #expect(try answer.json["missing"]?["right"]?.string == right, "\(body)")
            }
        }
    }

    @Test func `A presence of a ticket has its session from the beginning, and the user's own key`() async throws {
        try await withUser(#"{"topics":{"a":["track","see"]}}"#) { server, headers in
            let drawn = try await server.send(.post, Self.path, #"{"topic":"a","present":{}}"#, headers: headers)
            let first = try #require(try await stored(drawn, server).presence)
            #expect(first.member.key.text == "alice" && !first.member.session.text.isEmpty)
            #expect(first.meta == nil && first.grace == Limits().defaultGrace)
            let body = #"{"topic":"a","present":{"session":"tab-1","meta":{"n":1e400},"grace":0}}"#
            let named = try await server.send(.post, Self.path, body, headers: headers)
            let second = try #require(try await stored(named, server).presence)
            #expect(second.member.session.text == "tab-1" && second.grace == 0)
            #expect(second.meta?.json == Array(#"{"n":1e400}"#.utf8))
        }
    }

    @Test func `A ticket keeps the Origin of the page`() async throws {
        let origin = try #require(OriginPolicy.Origin("https://app.example"))
        try await withServer(origins: OriginPolicy([origin])) { server in
            let answer = try await server.send(
                .post, Self.path, #"{"topic":"a"}"#, type: "application/json",
                headers: [("Origin", "https://app.example")])
            #expect(try await stored(answer, server).origin == "https://app.example")
            let plain = try await server.send(.post, Self.path, #"{"topic":"a"}"#)
            #expect(try await stored(plain, server).origin == nil)
        }
    }

    @Test(arguments: [
        ("", 400, [] as [String]), ("{}", 422, ["#"]), (#"{"topic":"a","topics":["b"]}"#, 422, ["#"]),
        (#"{"prefix":"room:"}"#, 422, ["#", "#/prefix"]), (#"{"topic":"a","keys":["alice"]}"#, 422, ["#/keys"]),
        (#"{"topic":""}"#, 400, ["#/topic"]), (#"{"topics":[]}"#, 422, ["#/topics"]),
        (#"{"topics":["a","a"]}"#, 422, ["#/topics"]), (#"{"topics":["a",1]}"#, 422, ["#/topics/1"]),
        (#"{"topic":"a","view":"all"}"#, 422, ["#/view"]), (#"{"topic":"a","present":[]}"#, 422, ["#/present"]),
        (#"{"topic":"a","present":{}}"#, 422, ["#/present/key"]),
        (#"{"topic":"a","present":{"key":"k","grace":61,"ttl":1}}"#, 422, ["#/present/grace", "#/present/ttl"]),
        (#"{"topic":"a","present":{"key":"k","meta":{"phx_ref":"x"}}}"#, 422, ["#/present/meta/phx_ref"]),
        (#"{"topic":"a","present":{"key":"k","session":"?"}}"#, 400, ["#/present/session"]),
        (#"{"topics":["a"],"present":{"key":"k"}}"#, 422, ["#/present"]),
    ])
    func `A wrong body is refused where it is wrong`(body: String, status: Int, places: [String]) async throws {
        try await withServer { server in
            let answer = try await server.send(.post, Self.path, body)
            #expect(answer.status == status, "\(answer.text)")
            #expect(Set(try answer.places) == Set(places))
            #expect(try await !server.redisContents().contains("}:t"))
        }
    }

    @Test func `A ticket of more topics than a stream may have, or of too long names, is refused`() async throws {
        try await withServer { server in
            let many = (0...50).map { "\"t\($0)\"" }.joined(separator: ",")
            #expect(try await server.send(.post, Self.path, #"{"topics":[\#(many)]}"#).status == 422)
            let long = (0..<5).map { "\"\($0)" + String(repeating: "x", count: 250) + "\"" }.joined(separator: ",")
            let answer = try await server.send(.post, Self.path, #"{"topics":[\#(long)]}"#)
            #expect(answer.status == 422 && answer.text.contains("1024 bytes"))
        }
    }

    @Test(arguments: ["access_token", "token"])
    func `A stream takes no credential from its query, and names what to do`(name: String) async throws {
        try await withUser(#"{"topics":{"a":["see"]}}"#) { server, headers in
            for fields in [[], headers] {
                for path in ["/v1/topics/a/events?\(name)=x", "/v1/events?topic=a&\(name)=x"] {
                    let answer = try await server.send(.get, path, headers: fields)
                    #expect(answer.status == 400)
                    #expect(try answer.places == [name])
                    #expect(answer.text.contains("Authorization: Bearer") && answer.text.contains("POST /v1/tickets"))
                }
            }
        }
    }

    @Test func `Beside a ticket a query has since and lastEventId only`() async throws {
        try await withUser("{}") { server, _ in
            for more in ["", "&since=0-0", "&lastEventId=0-0.tag"] {
                let answer = try await server.send(.head, "/v1/topics/a/events?ticket=x\(more)")
                #expect(answer.status == 200 && answer.header("ETag") == "x", "\(more)")
            }
            for more in ["view=full", "key=alice", "session=s", "_=1", "last_event_id=0-0", "topic=b"] {
                for method in [HTTPRequest.Method.get, .head] {
                    #expect(try await server.send(method, "/v1/topics/a/events?ticket=x&\(more)").status == 400)
                }
            }
        }
    }

    @Test func `A page of another origin may neither make a ticket nor use one`() async throws {
        try await withServer { server in
            let foreign = [("Origin", "https://evil.example")]
            let made = try await server.send(.post, Self.path, #"{"topic":"a"}"#, type: "text/plain", headers: foreign)
            let used = try await server.send(.head, "/v1/topics/a/events?ticket=x", headers: foreign)
            #expect(made.status == 403 && used.status == 403)
        }
    }
}
