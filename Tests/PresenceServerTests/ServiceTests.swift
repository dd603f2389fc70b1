// Rollcall · PresenceServerTests

import Foundation
import Hummingbird
import LocalServices
import NIOCore
import PresenceServer
import Redis
import Synchronization
import TestSupport
import Testing

/// The rules of all paths, and the paths about the service itself.
@Suite("The service")
struct ServiceTests {
    @Test func `A node that drains is alive and not ready`() async throws {
        let isDraining = Atomic(false)
        try await withServer(isDraining: { isDraining.load(ordering: .relaxed) }) { server in
            #expect(try await server.send(.get, "/healthz?from=balancer").json == ["status": "ok"])
            let ready = try await server.send(.get, "/readyz")
            #expect(ready.status == 200)
            #expect(try ready.json["status"] == "ready")
            #expect(
                try ready.json["checks"]?.array?.compactMap { $0["name"]?.string }
                    == ["redis", "redis_policy", "redis_writes", "redis_messages", "draining", "fetch_hook"])
            isDraining.store(true, ordering: .relaxed)
            let draining = try await server.send(.get, "/readyz")
            #expect(draining.status == 503)
            #expect(try draining.json["status"] == "not_ready")
            #expect(try draining.json["checks"]?[4] == ["name": "draining", "ok": false, "detail": "shutting down"])
            #expect(try await server.send(.get, "/healthz").status == 200)
        }
    }

    @Test func `A Redis that evicts makes the node not ready`() async throws {
        try await withLocalRedis { redis in
            try await withServer(redis: redis.url) { server in
                for (policy, status) in [("noeviction", 200), ("allkeys-lru", 503), ("noeviction", 200)] {
                    let set = RedisCommand("CONFIG", ["SET", "maxmemory-policy", .string(policy)])
                    _ = try await server.pool.connection().send(set)
                    let ready = try await server.send(.get, "/readyz")
                    #expect(ready.status == status)
                    #expect(try ready.json["checks"]?[1]?["name"] == "redis_policy")
                }
            }
        }
    }

    @Test func `The page, the contract and the problems are served`() async throws {
        try await withServer { server in
            for (path, scripts) in [("/?name=Alice", 1), ("/phoenix?name=Alice", 3)] {
                let page = try await server.send(.get, path)
                #expect(page.status == 200 && page.header("Content-Type") == "text/html; charset=utf-8")
                let policy = try #require(page.header("Content-Security-Policy"))
                #expect(policy.hasPrefix("default-src 'none'; ") && policy.contains("; frame-ancestors 'none'; "))
                #expect(policy.contains("; script-src 'sha256-") && policy.contains("; style-src 'sha256-"))
                // One hash for each script, and one for the style.
                #expect(policy.ranges(of: "'sha256-").count == scripts + 1)
                #expect(!(policy + page.text).contains("unsafe-inline"))
                // The policy permits no style and no script in attributes.
                #expect(!page.text.contains(#/<[^>]* (?:style|on[a-z]+)=/#))
            }
            let contract = try await server.send(.get, "/openapi.yaml")
            #expect(contract.header("Content-Type") == "application/yaml")
            #expect(contract.text.hasPrefix("openapi: 3.1"))
            for kind in ProblemKind.allCases {
                let answer = try await server.send(.get, kind.type)
                #expect(answer.status == 200)
                #expect(answer.text.contains(kind.title) && answer.text.contains("\(kind.status.code)"))
            }
        }
    }

    @Test func `HEAD answers as GET does, without the body, and does not start a stream`() async throws {
        try await withServer { server in
            for path in ["/healthz", "/v1/topics/t/presences", "/openapi.yaml"] {
                let (head, get) = (try await server.send(.head, path), try await server.send(.get, path))
                #expect(head.status == get.status && head.bytes.isEmpty)
                #expect(head.header("Content-Length") == get.header("Content-Length"))
                #expect(head.header("ETag") == get.header("ETag"))
            }
            #expect(try await server.send(.head, "/v1/topics/t/events").status == 200)
            #expect(try await server.send(.head, "/v1/batch").status == 405)
        }
    }

    @Test func `OPTIONS lists the methods of a path`() async throws {
        try await withServer { server in
            let path = "/v1/topics/t/presences/a/s"
            let plain = try await server.send(.options, path)
            #expect(plain.status == 204)
            #expect(plain.header("Allow") == "PUT, PATCH, DELETE, GET, HEAD, OPTIONS")
            #expect(plain.header("Access-Control-Allow-Methods") == nil)
            #expect(try await server.send(.options, "/nowhere").status == 404)
        }
    }

    @Test func `A well-formed request id is echoed; any other is replaced`() async throws {
        try await withServer { server in
            let own = try await server.send(.get, "/healthz", headers: [("X-Request-Id", "abc-123_x.y")])
            #expect(own.header("X-Request-Id") == "abc-123_x.y")
            for bad in ["a b", "<x>", String(repeating: "x", count: 129)] {
                let id = try await server.send(.get, "/healthz", headers: [("X-Request-Id", bad)]).header(
                    "X-Request-Id")
                #expect(id != bad && id?.isEmpty == false)
            }
        }
    }

    /// The rights are those of docs/operations.md.
    @Test func `A Redis user with the documented rights is enough, and with one right less the node is not ready`()
        async throws
    {
        let page = try String(contentsOfFile: repository + "/docs/operations.md", encoding: .utf8)
        let match = try #require(page.firstMatch(of: #/\*\*Users \(ACL\)\*\*:\s+`(?<rules>[^`]+)`/#))
        let rules = match.output.rules.split(separator: " ").map {
            RedisArgument.string($0.hasPrefix("~") ? "~*" : $0.hasPrefix("&") ? "&*" : String($0))
        }
        try await withLocalRedis(port: true) { redis in
            try await withServer(redis: redis.url) { server in
                let user = RedisCommand("ACL", ["SETUSER", "rollcall", "on", ">secret"] + rules)
                _ = try await server.pool.connection().send(user)
            }
            let url = redis.url.replacing("redis://", with: "redis://rollcall:secret@")
            try await withServer(redis: url) { server in
                let put = try await server.send(.put, "/v1/topics/t/presences/a/s")
                #expect(put.status == 201)
                #expect(try await server.send(.get, "/v1/topics").json["topics"]?.array?.count == 1)
                #expect(try await server.send(.get, "/readyz").status == 200)
            }
            try await withServer(redis: redis.url) { server in
                let less = RedisCommand("ACL", ["SETUSER", "rollcall", "-time"])
                _ = try await server.pool.connection().send(less)
            }
            let status = try await withServer(redis: url, isReachable: false) { server in
                _ = await server.pool.waitUntilConnected(timeout: .seconds(3))
                return try await server.send(.get, "/readyz").status
            }
            #expect(status == 503)
        }
    }

    @Test func `A body beyond the limit is refused unread, and the connection is closed`() async throws {
        try await withServer { server in
            let answer = try await server.sendRaw(
                "POST /v1/batch HTTP/1.1\r\nHost: h\r\nContent-Length: \(5 << 20)\r\n\r\nwhat comes first")
            #expect(answer.hasPrefix("HTTP/1.1 413 "))
            #expect(answer.lowercased().contains("\r\nconnection: close\r\n"))
            #expect(answer.contains(#""type":"/problems/body-too-large""#))
            #expect(
                try await server.send(
                    .post, "/v1/batch", "{\"operations\":[]}" + String(repeating: " ", count: 3 << 20)
                ).status == 200)
        }
    }

    @Test func `Metrics are Prometheus text`() async throws {
        try await withServer { server in
            let answer = try await server.send(.get, "/metrics")
            #expect(answer.status == 200)
            #expect(answer.header("Content-Type") == PrometheusExporter.contentType)
            #expect(answer.text.contains("# TYPE rollcall_metrics_dropped_series_total counter"))
        }
    }

    @Test func `The parameters of streams reach their handlers`() async throws {
        try await withServer { server in
            let one = try await server.send(.head, "/v1/topics/a%2Fb/events?view=keys")
            #expect(one.header("ETag") == "a/b")
            let many = try await server.send(.head, "/v1/events?topic=a+b&topic=c%2Bd")
            #expect(many.header("ETag") == "a b,c+d")
        }
    }
}
