// Rollcall · PresenceServerTests

import Access
import AccessSamples
import HTTPTypes
import JSONText
import TestSupport
import Testing

@testable import PresenceServer

@Suite("Limits of requests")
struct RequestLimitsTests {
    private static let list = "/v1/topics/room:1/presences"
    private static let own = list + "/alice/s"

    /// Runs a server with limits, behind a trusted proxy; what a text leaves out has no limit.
    private func withLimits(
        user: String? = nil, apiKey: String? = nil, address: String? = nil, isOpen: Bool = false,
        _ body: @Sendable (TestServer, _ apiKey: String) async throws -> Void
    ) async throws {
        let lifted = "requests=none,tracks=none,bytes=none,tickets=none"
        func limits(_ text: String?, _ kind: CallerKind) throws -> CallerLimits {
            guard let text else { return try #require(CallerLimits("none", of: kind)) }
            let names = text.split(separator: ",").map { $0.prefix { $0 != "=" } }
            let rest = lifted.split(separator: ",").filter { !names.contains($0.prefix { $0 != "=" }) }
            return try #require(CallerLimits(([text[...]] + rest).joined(separator: ","), of: kind))
        }
        var options = LimitOptions()
        options.user = try limits(user, .user)
        options.apiKey = try limits(apiKey, .apiKey)
        options.address = try limits(address, .address)
        options.proxies = try #require(TrustedProxies("127.0.0.1"))
        let key = APIKey.draw()
        var keys = Credentials.Keys()
        keys.apiKeys = try APIKeys(
            JSON(
                parsing: #"[{"id":"\#(key.id)","sha256":"\#(APIKey.sha256(of: key.text))","#
                    + #""topic_prefixes":{"":["track:any","see"]}}]"#))
        keys.tokenKeys = try await TokenKeys(secret: SampleToken.secret)
        try await withServer(credentials: Credentials(keys, isOpen: isOpen), limits: options) { server in
            try await body(server, key.text)
        }
    }

    private func token(_ subject: String = "alice") -> String { SampleToken.hs256(SampleToken.payload(subject)) }

    private func headers(_ credential: String? = nil, from address: String = "203.0.113.7") -> [(String, String)] {
        [("X-Forwarded-For", address)] + (credential.map { [("Authorization", "Bearer \($0)")] } ?? [])
    }

    @Test func `above its rate a user gets 429, and each answer shows what is left`() async throws {
        try await withLimits(user: "requests=3/600s") { server, _ in
            for left in [2, 1, 0] {
                let answer = try await server.send(.get, Self.list, headers: headers(token()))
                #expect(answer.status == 200)
                #expect(answer.header("RateLimit-Policy") == #""user_requests";q=3;w=600"#)
                #expect(answer.header("RateLimit")?.hasPrefix(#""user_requests";r=\#(left);t="#) == true)
            }
            let refused = try await server.send(.get, Self.list, headers: headers(token()))
            #expect(refused.status == 429)
            #expect(try refused.json["type"]?.string == "/problems/rate-limited")
            #expect(try refused.json["limit"]?.string == "user_requests")
            let wait = try #require(refused.header("Retry-After"))
            #expect((1...200).contains(Int(wait) ?? 0))
            #expect(refused.header("RateLimit") == #""user_requests";r=0;t=\#(wait)"#)
            #expect(refused.header("RateLimit-Policy") == #""user_requests";q=3;w=600"#)
            #expect(try await server.send(.get, Self.list, headers: headers(token("bob"))).status == 200)
        }
    }

    @Test func `a refused write is refused before its body is read, and changes nothing`() async throws {
        try await withLimits(user: "tracks=1/600s") { server, _ in
            #expect(try await server.send(.put, Self.own, "{}", headers: headers(token())).status == 201)
            let before = try await server.redisContents()
            let head =
                "PUT \(Self.own) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token())\r\nContent-Length: 9000\r\n"
            for expectation in ["", "Expect: 100-continue\r\n"] {
                let exchange = try await server.exchange(head + expectation + "\r\n") { $0.contains("\r\n\r\n") }
                #expect(exchange.statuses == ["429"] && exchange.isProblem, "\(exchange.text)")
                #expect(exchange.text.contains("\r\nRateLimit: ") && exchange.text.contains("\r\nRetry-After: "))
            }
            #expect(try await server.redisContents() == before)
            let heartbeat = try await server.send(.post, Self.own + "/heartbeat", "{}", headers: headers(token()))
            #expect(heartbeat.status == 200)
        }
    }

    @Test func `each operation of a batch counts, and one that is refused is refused as a whole`() async throws {
        try await withLimits(user: "requests=10/600s,tracks=5/600s") { server, _ in
            func batch(_ operations: [String]) async throws -> Answer {
                try await server.send(
                    .post, "/v1/batch", #"{"operations":[\#(operations.joined(separator: ","))]}"#,
                    headers: headers(token()))
            }
            let put = #"{"op":"put","topic":"room:1","session":"s"}"#
            let heartbeat = #"{"op":"heartbeat","topic":"room:1","session":"s"}"#
            let first = try await batch([put, put, heartbeat, heartbeat])
            #expect(first.status == 200)
            #expect(first.header("RateLimit")?.contains(#""user_requests";r=6;"#) == true)
            #expect(first.header("RateLimit")?.contains(#""user_tracks";r=3;"#) == true)
            #expect(try await batch(Array(repeating: put, count: 4)).status == 200)
            let before = try await server.redisContents()
            let refused = try await batch([put, heartbeat])
            #expect(try refused.status == 429 && refused.json["limit"]?.string == "user_tracks")
            #expect(try await server.redisContents() == before)
        }
    }

    @Test func `bytes of metas count, and their rate refuses the next write`() async throws {
        try await withLimits(user: "bytes=100/600s") { server, _ in
            let body = #"{"meta":{"text":"\#(String(repeating: "x", count: 200))"}}"#
            #expect(try await server.send(.put, Self.own, body, headers: headers(token())).status == 201)
            let refused = try await server.send(.put, Self.own, "{}", headers: headers(token()))
            #expect(try refused.status == 429 && refused.json["limit"]?.string == "user_bytes")
            #expect(refused.header("RateLimit-Policy") == #""user_bytes";q=100;w=600;qu="content-bytes""#)
            #expect(try await server.send(.get, Self.own, headers: headers(token())).status == 200)
        }
    }

    @Test func `after too many wrong credentials no signature is checked for an address`() async throws {
        try await withLimits(address: "failures=3/600s") { server, apiKey in
            let known = token()
            #expect(try await server.send(.get, Self.list, headers: headers(known)).status == 200)
            for _ in 0..<3 {
                let failed = try await server.send(.get, Self.list, headers: headers(token() + "x"))
                #expect(failed.status == 401 && failed.header("RateLimit") != nil)
            }
            let other = token("bob")
            let refused = try await server.send(.get, Self.list, headers: headers(other))
            #expect(try refused.status == 429 && refused.json["limit"]?.string == "address_failures")
            #expect(refused.header("Retry-After") != nil)
            // A token that was verified before, an API key and other addresses go on.
            #expect(try await server.send(.get, Self.list, headers: headers(known)).status == 200)
            #expect(try await server.send(.get, Self.list, headers: headers(apiKey)).status == 200)
            #expect(try await server.send(.get, Self.list, headers: headers(other, from: "203.0.113.8")).status == 200)
            #expect(try await server.send(.get, Self.list, headers: headers()).status == 401)
        }
    }

    @Test func `a probe with a wrong credential is answered, and the credential counts`() async throws {
        try await withLimits(address: "failures=2/600s") { server, _ in
            for number in 0..<3 {
                let probe = try await server.send(.get, "/readyz", headers: headers("wrong.\(number)"))
                #expect(probe.status == 200 && probe.header("RateLimit") == nil, "\(number)")
            }
            #expect(try await server.send(.get, Self.list, headers: headers(token())).status == 429)
        }
    }

    @Test func `a stream with a key is a track, and is refused without room for one`() async throws {
        try await withLimits(user: "tracks=1/600s") { server, _ in
            #expect(try await server.send(.put, Self.own, "{}", headers: headers(token())).status == 201)
            let stream = "/v1/topics/room:1/events?key=alice"
            let refused = try await server.send(.get, stream, headers: headers(token()))
            #expect(try refused.status == 429 && refused.json["limit"]?.string == "user_tracks")
            #expect(try await server.send(.head, stream, headers: headers(token())).status == 200)
        }
    }

    @Test func `the meta of a ticket counts, and the next ticket is refused`() async throws {
        try await withLimits(user: "bytes=100/600s") { server, _ in
            let meta = #"{"text":"\#(String(repeating: "x", count: 200))"}"#
            let body = #"{"topic":"room:1","present":{"meta":\#(meta)}}"#
            let made = try await server.send(.post, "/v1/tickets", body, headers: headers(token()))
            #expect(made.status == 201 && made.header("RateLimit")?.contains(#""user_bytes";r=0;"#) == true)
            let refused = try await server.send(.post, "/v1/tickets", body, headers: headers(token()))
            #expect(try refused.status == 429 && refused.json["limit"]?.string == "user_bytes")
        }
    }

    @Test func `each ticket counts, and above its rate none is made`() async throws {
        try await withLimits(user: "tickets=1/600s") { server, _ in
            let body = #"{"topic":"room:1"}"#
            let made = try await server.send(.post, "/v1/tickets", body, headers: headers(token()))
            #expect(made.status == 201 && made.header("RateLimit")?.hasPrefix(#""user_tickets";r=0;"#) == true)
            let refused = try await server.send(.post, "/v1/tickets", body, headers: headers(token()))
            #expect(try refused.status == 429 && refused.json["limit"]?.string == "user_tickets")
            #expect(try await server.send(.get, Self.list, headers: headers(token())).status == 200)
        }
    }

    @Test func `a user counts by its address too, and an API key does not`() async throws {
        try await withLimits(address: "requests=1/600s") { server, apiKey in
            #expect(try await server.send(.get, Self.list, headers: headers(token("bob"))).status == 200)
            let refused = try await server.send(.get, Self.list, headers: headers(token()))
            #expect(try refused.status == 429 && refused.json["limit"]?.string == "address_requests")
            #expect(try await server.send(.get, Self.list, headers: headers(token(), from: "::1")).status == 200)
            for _ in 0..<3 {
                let answer = try await server.send(.get, Self.list, headers: headers(apiKey))
                #expect(answer.status == 200 && answer.header("RateLimit") == nil)
            }
        }
    }

    @Test func `an API key has the rates that are set for API keys`() async throws {
        try await withLimits(apiKey: "requests=1/600s") { server, apiKey in
            #expect(try await server.send(.get, Self.list, headers: headers(apiKey)).status == 200)
            let refused = try await server.send(.get, Self.list, headers: headers(apiKey))
            #expect(try refused.status == 429 && refused.json["limit"]?.string == "api_key_requests")
        }
    }

    @Test func `on an open node callers without a credential have the rates of addresses only`() async throws {
        try await withLimits(user: "requests=1/600s", address: "requests=2/600s", isOpen: true) {
            (server, _) async throws in
            for _ in 0..<2 { #expect(try await server.send(.get, Self.list, headers: headers()).status == 200) }
            #expect(try await server.send(.get, Self.list, headers: headers()).status == 429)
        }
        try await withLimits(user: "requests=1/600s", isOpen: true) { server, _ in
            for _ in 0..<3 {
                let answer = try await server.send(.get, Self.list, headers: headers())
                #expect(answer.status == 200 && answer.header("RateLimit-Policy") == nil)
            }
        }
    }

    @Test func `health and documents count against no rate`() async throws {
        try await withLimits(address: "requests=1/600s", isOpen: true) { (server, _) async throws in
            for path in ["/healthz", "/readyz", "/openapi.yaml", "/problems/rate-limited", "/"] {
                for _ in 0..<2 { #expect(try await server.send(.get, path, headers: headers()).status == 200) }
            }
        }
    }

    @Test func `a connection beyond the limit of its address is served probes, and 403 for all else`() async throws {
        var limits = LimitOptions()
        limits.address = try #require(CallerLimits("connections=1", of: .address))
        // Any list of proxies makes the loopback address one that counts.
        limits.proxies = try #require(TrustedProxies("192.0.2.1"))
        try await withServer(limits: limits, maximumConnections: 100) { server in
            let first = try await RawClient.connect(to: server.url)
            try await first.send(RawClient.get("/healthz"))
            try await eventually("an answer") { try await first.received.hasPrefix("HTTP/1.1 200 ") }
            let refused = try await server.exchange(RawClient.get(Self.list))
            #expect(refused.statuses == ["403"] && refused.isEnded)
            #expect(refused.text.contains(#""limit":"address_connections","maximum":1"#), "\(refused.text)")
            let probe = try await server.exchange(RawClient.get("/healthz")) { $0.hasSuffix("{\"status\":\"ok\"}\n") }
            #expect(probe.statuses == ["200"])
            await first.close()
            try await eventually("a regular place") {
                let exchange = try await server.exchange(RawClient.get(Self.list)) { $0.contains("\r\n\r\n") }
                return exchange.statuses == ["200"]
            }
        }
    }
}
