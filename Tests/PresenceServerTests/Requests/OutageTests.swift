// Rollcall · PresenceServerTests

import HTTPTypes
import PresenceModel
import PresenceFeed
import PresenceServer
import TestSupport
import Testing

@Suite("While Redis is away")
struct OutageTests {
    private static let nowhere = "redis+unix:///nonexistent/redis.sock"
    private static let presence = "/v1/topics/t/presences/alice/1"

    @Test func `Writes, and reads of topics that the node does not follow, are a 503 with Retry-After`() async throws {
        try await withServer(redis: Self.nowhere, isReachable: false) { server in
            let requests: [(String, String, String?)] = [
                ("POST", "/v1/topics/t/presences", #"{"key":"a"}"#), ("PUT", Self.presence, nil),
                ("PATCH", Self.presence, "{}"), ("POST", Self.presence + "/heartbeat", nil),
                ("DELETE", Self.presence, nil),
                ("DELETE", "/v1/topics/t/presences/alice", nil), ("GET", "/v1/topics/t/presences", nil),
                ("GET", "/v1/topics/t", nil), ("GET", "/v1/topics", nil), ("GET", Self.presence, nil),
                ("GET", "/v1/topics/t/presences/alice", nil),
                ("POST", "/v1/batch", #"{"operations":[{"op":"put","topic":"t","key":"a","session":"s"},{"op":"x"}]}"#),
                ("POST", "/v1/tickets", #"{"topic":"t"}"#),
            ]
            for (method, path, body) in requests {
                let answer = try await server.send(.init(rawValue: method)!, path, body)
                #expect(answer.status == 503, "\(method) \(path)")
                #expect(answer.header("Retry-After") == "1")
                #expect(try answer.json["type"] == "/problems/unavailable")
            }
        }
    }

    @Test func `A wrong request gets its own error`() async throws {
        try await withServer(redis: Self.nowhere, isReachable: false) { server in
            #expect(try await server.send(.post, "/v1/topics/t/presences", #"{"key":""}"#).status == 400)
            let batch = try await server.send(.post, "/v1/batch", #"{"operations":[{"op":"track","topic":"t"}]}"#)
            #expect(batch.status == 200)
            #expect(try batch.json["results"]?[0]?["status"] == 422)
        }
    }

    @Test func `Lists of a followed topic come from the feed's replica, marked stale and without an ETag`()
        async throws
    {
        let member = Member(key: try Key("alice"), session: try Session("1"))
        let roster = Roster([(member, Presence(ref: .random(), meta: .empty))])
        let cursor = Cursor(epoch: .random(), seq: 3)
        try await withServer(
            redis: Self.nowhere, isReachable: false,
            live: { $0.text == "t" ? LiveRoster(cursor: cursor, roster: roster) : nil }
        ) { server in
            for path in ["/v1/topics/t/presences", "/v1/topics/t/presences?view=count", "/v1/topics/t"] {
                let answer = try await server.send(.get, path, headers: [("If-None-Match", "\"\(cursor)\"")])
                #expect(answer.status == 200)
                #expect(answer.header("ETag") == nil)
                #expect(try answer.json["stale"] == true)
                #expect(try answer.json["cursor"]?.string == cursor.description)
            }
            #expect(try await server.send(.get, "/v1/topics/t/presences/alice").status == 503)
            #expect(try await server.send(.get, "/v1/topics/other/presences").status == 503)
        }
    }

    @Test func `The node is alive and not ready`() async throws {
        try await withServer(redis: Self.nowhere, isReachable: false) { server in
            #expect(try await server.send(.get, "/healthz").status == 200)
            let ready = try await server.send(.get, "/readyz")
            #expect(ready.status == 503)
            #expect(try ready.json["status"] == "not_ready")
            #expect(try ready.json["checks"]?[0]?["name"] == "redis")
            #expect(try ready.json["checks"]?[0]?["ok"] == false)
        }
    }
}
