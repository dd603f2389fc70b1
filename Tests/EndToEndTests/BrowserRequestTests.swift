// Rollcall · EndToEndTests

import Foundation
import JSONText
import TestSupport
import Testing

/// Requests of browsers, polyfills and old clients, and those that pages of other sites may not send.
@Suite("Requests of browsers")
struct BrowserRequestTests {
    private func withNode(
        _ environment: [String: String] = [:], _ body: (RollcallClient) async throws -> Void
    ) async throws {
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix()].merging(environment) { _, given in given }
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { try await body($0.client) }
    }

    private func events(_ query: String) -> String { RollcallClient.path(topic: "t", "events") + "?" + query }

    /// Sends one request, and returns what was received when `isEnough` holds or the connection ends.
    private func answer(
        _ client: RollcallClient, _ text: String, until isEnough: @escaping @Sendable (String) -> Bool
    ) async throws -> String {
        let raw = try await RawClient.connect(to: client.baseURL)
        try await raw.send(text)
        let received = try await eventually("an answer to \(text)") {
            let (isEnded, received) = (try await raw.isEnded, try await raw.received)
            return isEnded || isEnough(received) ? received : nil
        }
        await raw.close()
        return received
    }

    @Test(arguments: [
        "lastEventId", "lastEventID", "last_event_id", "Last-Event-ID", "last-event-id", "evs_last_event_id",
    ])
    func `a stream takes the last id from the header, else from the names that polyfills use, else from since`(
        name: String
    ) async throws {
        try await withNode { client in
            let presences = RollcallClient.path(topic: "t", "presences")
            let cursor = try #require(
                try await client.post(presences, #"{"key":"ann"}"#).json["cursor"]?.string)
            let query = "\(name)=\(cursor)&since=0-0&evs_preamble=&_=1&t=2&nocache&cb=x"
            let resumed = try await client.events(events(query))
            try await eventually("a resumed stream") { resumed.comments.contains("t, resumed") }
            let empty = try await client.events(events("\(name)=&since=\(cursor)"))
            try await eventually("a resumed stream") { empty.comments.contains("t, resumed") }
            let fresh = try await SSEClient.open(
                client.baseURL + events("\(name)=\(cursor)"), lastEventID: "0-0")
            #expect(try await fresh.next().name == "presence_state")
            let many = try await client.events("/v1/events?topic=t&\(name)=\(cursor)&_=1")
            try await eventually("a resumed stream") { many.comments.contains("t, resumed") }
            #expect(try await client.get(events("\(name)=\(cursor)&vew=keys")).status == 400)
            #expect(try await client.get("/v1/topics?_=1").status == 400)
            for stream in [resumed, empty, fresh, many] { await stream.close() }
        }
    }

    @Test func `a stream over HTTP 1.0 has no chunks, and ends with its connection`() async throws {
        try await withNode(["ROLLCALL_PING_INTERVAL": "1"]) { client in
            for connection in ["", "Connection: keep-alive\r\n"] {
                let text = try await answer(
                    client, "GET \(events("key=ann&grace=0")) HTTP/1.0\r\n\(connection)\r\n",
                    until: { $0.contains("event: ping") })
                let (head, body) = try #require(
                    text.firstRange(of: "\r\n\r\n").map { (text[..<$0.lowerBound], text[$0.upperBound...]) })
                #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.contains("Connection: close"))
                #expect(!head.contains("Transfer-Encoding") && !body.contains("\r"))
                #expect(body.hasPrefix("retry: ") && body.contains("\n\nevent: ping\ndata: {}\n\n"), "\(body)")
                #expect(body.contains("event: tracked\n") && body.contains("event: presence_state\n"))
            }
        }
    }

    @Test func `a refused stream is answered with a problem on every connection and version`() async throws {
        try await withNode { client in
            for (line, status) in [
                ("GET \(events("vew=keys")) HTTP/1.0\r\n", "400"),
                ("HEAD \(events("vew=keys")) HTTP/1.1\r\nHost: localhost\r\n", "400"),
                ("GET \(events("key=a")) HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n", "403"),
                ("GET \(events("key=a")) HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n", "403"),
                ("GET \(events("view=keys")) HTTP/1.1\r\nHost: evil.example\r\n", "421"),
                (
                    "POST \(events("view=keys")) HTTP/1.1\r\nHost: localhost\r\n"
                        + "Expect: 100-continue\r\nContent-Length: 2\r\n",
                    "405"
                ),
            ] {
                let text = try await answer(client, line + "Connection: close\r\n\r\n", until: { _ in false })
                #expect(
                    text.hasPrefix("HTTP/1.1 \(status) ") && text.contains("application/problem+json"), "\(line)\(text)"
                )
            }
            #expect(try await client.get(RollcallClient.path(topic: "t")).json["presences"]?.int == 0)
        }
    }

    @Test func `a stream that observes begins for every page, and a listed page may read it`() async throws {
        try await withNode(["ROLLCALL_ORIGINS": "https://app.example"]) { client in
            for origin in ["https://app.example", "https://evil.example", "null"] {
                let isListed = origin == "https://app.example"
                let text = try await answer(
                    client,
                    "GET \(events("view=keys")) HTTP/1.1\r\nHost: localhost\r\nOrigin: \(origin)\r\n"
                        + "Sec-Fetch-Site: cross-site\r\n\r\n",
                    until: { $0.contains("event: presence_state") })
                #expect(text.contains("\r\nAccess-Control-Allow-Origin: \(origin)\r\n") == isListed, "\(text)")
                #expect(text.contains("Access-Control-") == isListed && !text.contains("-Allow-Credentials"))
                #expect(text.contains("\r\nVary: Origin\r\n"))
                #expect(text.contains("\r\nX-Content-Type-Options: nosniff\r\n"))
            }
        }
    }

    @Test func `a listed page and the node's own may open a stream with a key`() async throws {
        try await withNode(["ROLLCALL_ORIGINS": "https://app.example"]) { client in
            let own = client.baseURL.replacing("http://", with: "")
            for fields in [
                "Host: \(own)\r\nOrigin: http://\(own)\r\nSec-Fetch-Site: same-origin\r\n",
                "Host: \(own)\r\nSec-Fetch-Site: same-origin\r\n",
                "Host: localhost\r\nOrigin: https://app.example\r\nSec-Fetch-Site: cross-site\r\n",
            ] {
                let text = try await answer(
                    client, "GET \(events("key=ann&grace=0")) HTTP/1.1\r\n\(fields)\r\n",
                    until: { $0.contains("event: tracked") })
                #expect(text.hasPrefix("HTTP/1.1 200 "), "\(text)")
            }
        }
    }

    @Test func `a beacon may send JSON as text/plain, but not from a page that names its origin`() async throws {
        try await withNode(["ROLLCALL_ORIGINS": "https://app.example, http://x.example:8080"]) { client in
            let own = client.baseURL
            let text = ["Content-Type": "text/plain;charset=UTF-8"]
            let untrack = #"{"operations":[{"op":"untrack","topic":"t","key":"ann","session":"s1"}]}"#
            let session = RollcallClient.path(topic: "t", "presences", "ann", "s1")
            let cases: [([String: String], Int)] = [
                (text, 200), (text.merging(["Origin": own]) { $1 }, 415),
                (text.merging(["Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"]) { $1 }, 415),
                (text.merging(["Origin": "https://evil.example"]) { $1 }, 403), (["Origin": own], 200),
                (["Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"], 200),
                (["Origin": "https://evil.example"], 403), (["Sec-Fetch-Site": "cross-site"], 403),
                (["Content-Type": "text/plain; charset=\"utf-8\""], 200), (["Content-Type": "text/plain"], 200),
                (["Content-Type": "text/plain; charset=iso-8859-1"], 415), (["Content-Type": "text/html"], 415),
            ]
            for (fields, status) in cases {
                #expect([200, 201].contains(try await client.put(session, "{}").status))
                let answer = try await client.post("/v1/batch", untrack, headers: fields)
                #expect(answer.status == status, "\(fields): \(answer.text)")
                #expect(try await client.get(session).status == (status == 200 ? 404 : 200), "\(fields)")
            }
            let empty = try await client.post("/v1/batch", headers: text)
            #expect(empty.status == 400 && empty.text.contains("The body is empty"))
            let refused = try await client.post("/v1/batch", untrack, headers: text.merging(["Origin": "null"]) { $1 })
            #expect(refused.status == 403 && refused.text.contains("ROLLCALL_ORIGINS"))
            #expect(try await client.get("/healthz", headers: ["Host": "x.example:8080"]).status == 200)
        }
    }

    @Test func `a preflight allows the header names that it asks for and that are valid`() async throws {
        try await withNode(["ROLLCALL_ORIGINS": "https://app.example"]) { client in
            let asked =
                "traceparent,tracestate, baggage,sentry-trace, x-datadog-trace-id ,b3, b@d, "
                + String(repeating: "a", count: 65)
            let answer = try await client.send(
                "OPTIONS", RollcallClient.path(topic: "t", "presences"),
                headers: [
                    "Origin": "https://app.example", "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": asked, "Access-Control-Request-Private-Network": "true",
                ])
            #expect(answer.status == 204 && answer.header("Access-Control-Allow-Private-Network") == "true")
            let allowed = try #require(answer.header("Access-Control-Allow-Headers"))
            #expect(
                allowed.hasSuffix(
                    "X-Request-Id, traceparent, tracestate, baggage, sentry-trace, x-datadog-trace-id, b3"))
            #expect(
                answer.header("Vary") == "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
            let many = try await client.send(
                "OPTIONS", "/v1/batch",
                headers: [
                    "Origin": "https://app.example", "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": (0..<1000).map { "x-\($0)" }.joined(separator: ","),
                ])
            #expect(many.header("Access-Control-Allow-Headers")?.hasSuffix(", x-31") == true)
        }
    }

    @Test func `an open node on loopback answers to local and listed hosts, and for other hosts only its probes`()
        async throws
    {
        try await withNode(["ROLLCALL_ORIGINS": "https://rollcall.example"]) { client in
            for (host, status) in [
                ("rebound.example:4000", 421), ("rollcall.example", 200), ("localhost:4000", 200), ("x", 200),
                ("127.0.0.1", 200), ("[::1]:4000", 200), ("192.168.0.1", 421),
            ] {
                for path in ["/v1/topics", "/", "/nowhere", "/metrics"] {
                    let answer = try await client.get(path, headers: ["Host": host])
                    #expect(answer.status == (status == 421 ? 421 : path == "/nowhere" ? 404 : 200), "\(host) \(path)")
                    if status == 421 { #expect(answer.text.contains("ROLLCALL_ORIGINS")) }
                }
                #expect(try await client.get("/healthz", headers: ["Host": host]).status == 200)
                #expect(try await client.get("/readyz", headers: ["Host": host]).status == 200)
            }
        }
        try await withNode(["ROLLCALL_TOKEN_SECRET": String(repeating: "s", count: 32)]) { (client) async throws in
            for (host, status) in [("rebound.example:4000", 421), ("x", 401), ("192.168.0.1", 401)] {
                #expect(try await client.get("/v1/topics", headers: ["Host": host]).status == status, "\(host)")
            }
        }
        try await withNode(["ROLLCALL_HOST": "0.0.0.0"]) { client in
            let local = RollcallClient(client.baseURL.replacing("0.0.0.0", with: "127.0.0.1"))
            let answer = try await local.get("/v1/topics", headers: ["Host": "rollcall.example"])
            #expect(answer.status == 200)
        }
    }
}
