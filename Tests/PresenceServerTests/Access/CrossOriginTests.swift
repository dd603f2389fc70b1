// Rollcall · PresenceServerTests

import Access
import HTTPTypes
import TestSupport
import Testing

@testable import PresenceServer

/// Requests that browsers send for pages: of the node's own, of listed and of foreign origins.
@Suite("Pages of other origins")
struct CrossOriginTests {
    private static let app = ("Origin", "https://app.test")
    /// The fields of requests for foreign pages.
    static let foreign = [
        ("Origin", "https://evil.test"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ]
    private static let list = "/v1/topics/t/presences"
    private static let session = list + "/ann/s"

    /// Runs a node that lists `app`.
    private func withNode(
        credentials: Credentials = .open, _ body: @Sendable (TestServer) async throws -> Void
    ) async throws {
        let app = try #require(OriginPolicy.Origin(Self.app.1))
        try await withServer(credentials: credentials, origins: OriginPolicy([app])) { try await body($0) }
    }

    /// The fields of CORS that an answer has, besides the origin that it allows.
    private func granted(by answer: Answer) -> [String] {
        ["Methods", "Headers", "Credentials", "Private-Network"].filter {
            answer.header("Access-Control-Allow-\($0)") != nil
        }
    }

    @Test func `a listed page may read every answer, a foreign page none, and every page the contract`() async throws {
        try await withNode { server in
            for path in [Self.list, "/nowhere", Self.list + "?vew=keys", "/healthz", "/", "/openapi.yaml"] {
                let plain = try await server.send(.get, path)
                let isPublic = path == "/openapi.yaml"
                for field in [Self.app] + Self.foreign {
                    let allowed = field == Self.app ? Self.app.1 : nil
                    let answer = try await server.send(.get, path, headers: [field])
                    #expect(answer.status == plain.status, "\(path) \(field)")
                    let origin = answer.header("Access-Control-Allow-Origin")
                    #expect(origin == (isPublic ? "*" : allowed), "\(path) \(field)")
                    let exposed = answer.header("Access-Control-Expose-Headers")
                    #expect((exposed?.contains("ETag") == true) == (origin != nil), "\(path) \(field)")
                    #expect(granted(by: answer).isEmpty, "\(path) \(field)")
                    #expect(answer.header("Vary") == "Origin", "\(path) \(field)")
                    #expect(answer.header("X-Content-Type-Options") == "nosniff", "\(path) \(field)")
                }
                #expect(plain.header("Access-Control-Allow-Origin") == (isPublic ? "*" : nil), "\(path)")
                #expect(plain.header("Vary") == "Origin" && plain.header("X-Content-Type-Options") == "nosniff")
            }
        }
    }

    @Test func `a foreign page may not write by any method or type, and Redis does not change`() async throws {
        let writes: [(HTTPRequest.Method, String, String?)] = [
            (.post, Self.list, #"{"key":"eve"}"#), (.put, Self.session, "{}"), (.patch, Self.session, #"{"a":1}"#),
            (.post, Self.session + "/heartbeat", nil), (.delete, Self.session, nil), (.delete, Self.list + "/ann", nil),
            (.post, "/v1/batch", #"{"operations":[{"op":"untrack","topic":"t","key":"ann"}]}"#),
            (.post, "/v1/enrichment/invalidations", #"{"keys":["ann"]}"#),
        ]
        try await withNode { server in
            #expect(try await server.send(.put, Self.session, "{}").status == 201)
            let before = try await server.redisContents()
            for (method, path, body) in writes {
                for field in Self.foreign {
                    for type in [nil, "application/json", "text/plain", "application/x-www-form-urlencoded"] {
                        let answer = try await server.send(method, path, body, type: type, headers: [field])
                        #expect(answer.status == 403, "\(method) \(path) \(field) \(type ?? "")")
                        #expect(try answer.json["type"] == "/problems/cross-site")
                        #expect(answer.header("Access-Control-Allow-Origin") == nil)
                    }
                }
            }
            #expect(try await server.redisContents() == before)
        }
    }

    @Test func `a stream is for every page, and a stream with a key is not for a foreign one`() async throws {
        try await withNode { server in
            let stream = "/v1/topics/t/events"
            for field in Self.foreign {
                #expect(try await server.send(.head, stream, headers: [field]).status == 200)
                let answer = try await server.send(.get, stream + "?key=ann", headers: [field])
                #expect(answer.status == 403, "\(field)")
                #expect(try answer.json["type"] == "/problems/cross-site")
            }
            let listed = try await server.send(.head, stream + "?key=ann", headers: [Self.app])
            #expect(listed.status == 200 && listed.header("Access-Control-Allow-Origin") == Self.app.1)
        }
    }

    @Test func `a page sends its bodies as JSON, and other clients may leave the type out`() async throws {
        try await withNode { server in
            let own = ("Origin", "http://127.0.0.1:\(server.port)")
            let types: [(String?, Bool)] = [
                ("application/json", true), ("application/json; charset=utf-8", true), ("text/plain", false),
                ("text/plain;charset=UTF-8", false), ("application/x-www-form-urlencoded", false), (nil, false),
            ]
            for (type, isForPages) in types {
                let plain = try await server.send(.put, Self.session, "{}", type: type)
                #expect([200, 201].contains(plain.status), "\(type ?? "no type"): \(plain.text)")
                for field in [own, Self.app, ("Sec-Fetch-Site", "same-origin")] {
                    let answer = try await server.send(.put, Self.session, "{}", type: type, headers: [field])
                    #expect(answer.status == (isForPages ? 200 : 415), "\(type ?? "no type"): \(answer.text)")
                    if !isForPages { #expect(try answer.places == ["Content-Type"]) }
                }
            }
            let patch = try await server.send(
                .patch, Self.session, #"{"a":1}"#, type: "application/merge-patch+json", headers: [own])
            #expect(patch.status == 200)
            let multipart = try await server.send(
                .put, Self.session, "--x", type: "multipart/form-data; boundary=x", headers: [own])
            #expect(multipart.status == 415)
            // Without a body there is nothing to name the type of.
            #expect(try await server.send(.post, Self.session + "/heartbeat", headers: [own]).status == 200)
            #expect(try await server.send(.delete, Self.session, headers: [Self.app]).status == 204)
        }
    }

    @Test func `a preflight needs no credential, and allows a listed page only`() async throws {
        try await withNode(credentials: Credentials(Credentials.Keys(), isOpen: false)) { server in
            let asks = [
                ("Access-Control-Request-Method", "PUT"), ("Access-Control-Request-Private-Network", "true"),
            ]
            let listed = try await server.send(.options, Self.session, headers: asks + [Self.app])
            #expect(listed.status == 204 && listed.header("Access-Control-Allow-Origin") == Self.app.1)
            #expect(listed.header("Access-Control-Allow-Methods") == "PUT, PATCH, DELETE, GET, HEAD, OPTIONS")
            #expect(listed.header("Access-Control-Allow-Headers")?.contains("If-Match") == true)
            #expect(granted(by: listed) == ["Methods", "Headers", "Private-Network"])
            for field in Self.foreign {
                let foreign = try await server.send(.options, Self.session, headers: asks + [field])
                #expect(foreign.status == 204 && foreign.header("Access-Control-Allow-Origin") == nil, "\(field)")
                #expect(granted(by: foreign).isEmpty, "\(field)")
                #expect(foreign.header("Allow") == listed.header("Allow"))
                #expect(foreign.header("Vary") == listed.header("Vary"))
            }
            #expect(
                listed.header("Vary") == "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
            let contract = try await server.send(.options, "/openapi.yaml", headers: asks + [Self.foreign[0]])
            #expect(contract.header("Access-Control-Allow-Origin") == "*")
        }
    }

    @Test func `a foreign page is refused before its credential is checked`() async throws {
        try await withNode(credentials: Credentials(Credentials.Keys(), isOpen: false)) { server in
            for field in Self.foreign {
                #expect(try await server.send(.put, Self.session, "{}", headers: [field]).status == 403)
                #expect(try await server.send(.get, Self.list, headers: [field]).status == 401)
            }
            let listed = try await server.send(.get, Self.list, headers: [Self.app])
            #expect(listed.status == 401 && listed.header("Access-Control-Allow-Origin") == Self.app.1)
        }
    }

    @Test func `a listed page may read the refusal of its request, and of no other request on the connection`()
        async throws
    {
        let broken = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
        try await withNode { server in
            for (origin, isAllowed) in [(Self.app.1, true), ("https://evil.test", false)] {
                let request = "PUT \(Self.session) HTTP/1.1\r\nHost: x\r\nOrigin: \(origin)\r\n"
                let waiting = "Expect: 100-continue\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n"
                for (rest, status) in [(broken, "400"), (waiting, "415")] {
                    let answer = try await server.exchange(request + rest)
                    if isAllowed { #expect(answer.statuses == [status], "\(answer.text)") }
                    #expect(answer.has("Access-Control-Allow-Origin: \(origin)") == isAllowed, "\(answer.text)")
                    #expect(answer.has("Vary: Origin") && answer.has("X-Content-Type-Options: nosniff"))
                }
            }
            let behind = try await server.exchange(
                "GET /healthz HTTP/1.1\r\nHost: x\r\nOrigin: \(Self.app.1)\r\n\r\nNONSENSE\r\n\r\n")
            #expect(behind.answers.map { $0.contains("Access-Control-Allow-Origin") } == [true, false])
        }
    }
}
