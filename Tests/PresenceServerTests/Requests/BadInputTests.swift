// Rollcall · PresenceServerTests

import HTTPTypes
import PresenceServer
import TestSupport
import Testing

/// Wrong requests: each gets its answer, and Redis does not change.
@Suite("Bad input")
struct BadInputTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let method: HTTPRequest.Method
        let path: String
        var body: String?
        var type: String?
        var headers: [(String, String)] = []
        let status: Int
        let kind: ProblemKind
        var places: [String] = []

        init(
            _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil, type: String? = nil,
            headers: [(String, String)] = [], gives status: Int, _ kind: ProblemKind, at places: String...
        ) {
            (self.method, self.path, self.body, self.type) = (method, path, body, type)
            (self.headers, self.status, self.kind, self.places) = (headers, status, kind, places)
        }

        var testDescription: String { "\(self.method) \(self.path.prefix(80)) \(self.body?.prefix(60) ?? "")" }
    }

    private static let list = "/v1/topics/t/presences"
    private static let here = "/v1/topics/t/presences/here/1"
    private static let long = String(repeating: "x", count: 257)
    private static let large = "{\"key\":\"a\",\"meta\":{\"x\":\"\(String(repeating: "y", count: 5 << 10))\"}}"

    private static let cases: [Case] = [
        // Paths and methods
        Case(.get, "/v1/nothing", gives: 404, .unknownRoute),
        Case(.get, "/v1/topics/t/presences/a/b/c/d", gives: 404, .unknownRoute),
        Case(.get, "/V1/topics", gives: 404, .unknownRoute),
        Case(.get, "/problems/none", gives: 404, .unknownRoute),
        Case(.put, list, "{}", gives: 405, .methodNotAllowed),
        Case(.post, "/v1/topics", "{}", gives: 405, .methodNotAllowed),
        Case(.get, "/v1/batch", gives: 405, .methodNotAllowed),
        Case(.delete, "/healthz", gives: 405, .methodNotAllowed),
        Case(.init(rawValue: "PURGE")!, list, gives: 405, .methodNotAllowed),
        // Names in paths
        Case(.get, "/v1/topics//presences", gives: 400, .invalidName, at: "topic"),
        Case(.post, "/v1/topics//presences", #"{"key":"a"}"#, gives: 400, .invalidName, at: "topic"),
        Case(.put, "/v1/topics/t/presences//s", gives: 400, .invalidName, at: "key"),
        Case(.put, "/v1/topics/t/presences/a/s%20s", gives: 400, .invalidName, at: "session"),
        Case(
            .put, "/v1/topics/t/presences/a/\(String(repeating: "s", count: 65))", gives: 400, .invalidName,
            at: "session"),
        Case(.put, "/v1/topics/\(long)/presences/a/s", gives: 400, .invalidName, at: "topic"),
        Case(.put, "/v1/topics/t%00/presences/a/s", gives: 400, .invalidName, at: "topic"),
        Case(.put, "/v1/topics/t/presences/%0A/s", gives: 400, .invalidName, at: "key"),
        Case(.put, "/v1/topics/t/presences/%C2%85/s", gives: 400, .invalidName, at: "key"),
        Case(.put, "/v1/topics/t/presences/%7F/s", gives: 400, .invalidName, at: "key"),
        // Queries
        Case(.get, list + "?view=everything", gives: 400, .invalidQuery, at: "view"),
        Case(.get, list + "?view=", gives: 400, .invalidQuery, at: "view"),
        Case(.get, list + "?limit=0", gives: 400, .invalidQuery, at: "limit"),
        Case(.get, list + "?limit=10001", gives: 400, .invalidQuery, at: "limit"),
        Case(.get, list + "?limit=ten", gives: 400, .invalidQuery, at: "limit"),
        Case(.get, list + "?limit=1&limit=2", gives: 400, .invalidQuery, at: "limit"),
        Case(.get, list + "?view=count&limit=5", gives: 400, .invalidQuery, at: "limit"),
        Case(.get, list + "?after=", gives: 400, .invalidName, at: "after"),
        Case(.get, list + "?after=%FF", gives: 400, .invalidQuery, at: "after"),
        Case(.get, list + "?veiw=keys&limt=1", gives: 400, .invalidQuery, at: "veiw", "limt"),
        Case(.post, list + "?ttl=5", #"{"key":"a"}"#, gives: 400, .invalidQuery, at: "ttl"),
        Case(.get, "/v1/topics?after=%0A", gives: 400, .invalidName, at: "after"),
        Case(.get, "/v1/topics/t/events?vew=keys", gives: 400, .invalidQuery, at: "vew"),
        // Bodies that are not JSON
        Case(.post, list, "{", gives: 400, .malformedJSON, at: "#"),
        Case(.post, list, #"{"key":"a"} x"#, gives: 400, .malformedJSON, at: "#"),
        Case(.post, list, "key=a", type: "application/x-www-form-urlencoded", gives: 400, .malformedJSON, at: "#"),
        Case(.post, list, #"{"key":NaN}"#, gives: 400, .malformedJSON, at: "#"),
        Case(.post, list, String(repeating: "[", count: 1000), gives: 400, .malformedJSON, at: "#"),
        Case(.put, here, #"{"meta":{'a':1}}"#, gives: 400, .malformedJSON, at: "#"),
        Case(.patch, here, gives: 400, .malformedJSON),
        // Types
        Case(
            .post, list, "--x", type: "multipart/form-data; boundary=x", gives: 415, .unsupportedMediaType,
            at: "Content-Type"),
        Case(.post, list, "<a/>", type: "text/xml", gives: 415, .unsupportedMediaType, at: "Content-Type"),
        Case(.put, here, "{}", type: "text/html", gives: 415, .unsupportedMediaType, at: "Content-Type"),
        Case(
            .patch, here, "[]", type: "application/json-patch+json", gives: 415, .unsupportedMediaType,
            at: "Content-Type"),
        // Fields
        Case(.post, list, gives: 422, .invalidBody, at: "#/key"),
        Case(.post, list, "{}", gives: 422, .invalidBody, at: "#/key"),
        Case(.post, list, "[]", gives: 422, .invalidBody, at: "#"),
        Case(.post, list, #"{"key":""}"#, gives: 400, .invalidName, at: "#/key"),
        Case(.post, list, "{\"key\":\"\(long)\"}", gives: 400, .invalidName, at: "#/key"),
        Case(.post, list, #"{"key":"a\u0000b"}"#, gives: 400, .invalidName, at: "#/key"),
        Case(.post, list, #"{"key":"a\u0085b"}"#, gives: 400, .invalidName, at: "#/key"),
        Case(.post, list, #"{"key":"\ud800"}"#, gives: 422, .invalidBody, at: "#/key"),
        Case(.post, list, #"{"key":null}"#, gives: 422, .invalidBody, at: "#/key"),
        Case(.post, list, #"{"key":"a","session":"a b"}"#, gives: 400, .invalidName, at: "#/session"),
        Case(.post, list, #"{"key":"a","key":"b"}"#, gives: 422, .invalidBody, at: "#/key"),
        Case(.post, list, #"{"key":"a","metas":{}}"#, gives: 422, .invalidBody, at: "#/metas"),
        Case(.post, list, #"{"key":"a","meta":[]}"#, gives: 422, .invalidBody, at: "#/meta"),
        Case(.post, list, #"{"key":"a","meta":"x"}"#, gives: 422, .invalidBody, at: "#/meta"),
        Case(.post, list, #"{"key":"a","meta":{"phx_ref":"x"}}"#, gives: 422, .invalidBody, at: "#/meta/phx_ref"),
        Case(
            .post, list, #"{"key":"a","meta":{"phx\u005fref_prev":1}}"#, gives: 422, .invalidBody,
            at: "#/meta/phx_ref_prev"),
        Case(.post, list, #"{"key":"a","meta":{"x":{"y":1,"y":2}}}"#, gives: 422, .invalidBody, at: "#/meta/x/y"),
        Case(.post, list, #"{"key":"a","ttl":0}"#, gives: 422, .invalidBody, at: "#/ttl"),
        Case(.post, list, #"{"key":"a","ttl":1000000000}"#, gives: 422, .invalidBody, at: "#/ttl"),
        Case(.post, list, #"{"key":"a","ttl":1e400}"#, gives: 422, .invalidBody, at: "#/ttl"),
        Case(.post, list, #"{"key":"a","ttl":30.5}"#, gives: 422, .invalidBody, at: "#/ttl"),
        Case(.post, list, #"{"key":"a","ttl":"30"}"#, gives: 422, .invalidBody, at: "#/ttl"),
        Case(.put, here, #"{"key":"here"}"#, gives: 422, .invalidBody, at: "#/key"),
        Case(.put, here, #"{"ttl":4,"meta":7}"#, gives: 422, .invalidBody, at: "#/meta", "#/ttl"),
        Case(.post, here + "/heartbeat", #"{"ttl":301}"#, gives: 422, .invalidBody, at: "#/ttl"),
        Case(.post, here + "/heartbeat", #"{"meta":{}}"#, gives: 422, .invalidBody, at: "#/meta"),
        Case(.patch, here, "[1]", gives: 422, .invalidBody, at: "#"),
        Case(.patch, here, #"{"phx_ref":null}"#, gives: 422, .invalidBody, at: "#/phx_ref"),
        // Sizes
        Case(.post, list, large, gives: 413, .metaTooLarge, at: "#/meta"),
        Case(.patch, here, "{\"x\":\"\(String(repeating: "y", count: 5 << 10))\"}", gives: 413, .metaTooLarge, at: "#"),
        Case(.post, list, String(repeating: " ", count: 70 << 10), gives: 413, .bodyTooLarge),
        // Conditions
        Case(.patch, here, "{}", headers: [("If-Match", "W/\"x\"")], gives: 400, .invalidHeader, at: "If-Match"),
        Case(.patch, here, "{}", headers: [("If-Match", "x")], gives: 400, .invalidHeader, at: "If-Match"),
        Case(.patch, here, #"{"a":1}"#, headers: [("If-Match", "\"0000000000000000\"")], gives: 412, .refMoved),
        Case(.put, here, "{}", headers: [("If-Match", "W/\"x\"")], gives: 400, .invalidHeader, at: "If-Match"),
        Case(.put, here, #"{"meta":{}}"#, headers: [("If-Match", "\"x\"")], gives: 412, .refMoved),
        Case(.put, "/v1/topics/t/presences/absent/1", headers: [("If-Match", "*")], gives: 412, .refMoved),
        Case(.put, "/v1/topics/empty/presences/absent/1", headers: [("If-Match", "*")], gives: 412, .refMoved),
        Case(.put, here, #"{"meta":{}}"#, headers: [("If-None-Match", "*")], gives: 409, .presenceExists),
        Case(.put, here, headers: [("If-None-Match", "\"x\"")], gives: 400, .invalidHeader, at: "If-None-Match"),
        Case(
            .put, here, headers: [("If-Match", "*"), ("If-None-Match", "*")], gives: 400, .invalidHeader,
            at: "If-None-Match"),
        Case(.delete, here, headers: [("If-Match", "\"x\", \"0000000000000000\"")], gives: 412, .refMoved),
        Case(.delete, here, headers: [("If-None-Match", "*")], gives: 400, .invalidHeader, at: "If-None-Match"),
        Case(.post, here + "/heartbeat", headers: [("If-Match", "\"0000000000000000\"")], gives: 412, .refMoved),
        Case(
            .delete, "/v1/topics/t/presences/here", headers: [("If-Match", "*")], gives: 400, .invalidHeader,
            at: "If-Match"),
        Case(.post, list, #"{"key":"a"}"#, headers: [("If-Match", "*")], gives: 400, .invalidHeader, at: "If-Match"),
        Case(
            .post, "/v1/batch", #"{"operations":[]}"#, headers: [("If-Match", "*")], gives: 400, .invalidHeader,
            at: "If-Match"),
        // Nothing there
        Case(.patch, "/v1/topics/t/presences/absent/1", "{}", gives: 404, .presenceAbsent),
        Case(.post, "/v1/topics/t/presences/absent/1/heartbeat", gives: 404, .presenceAbsent),
        Case(.get, "/v1/topics/t/presences/absent", gives: 404, .presenceAbsent),
        Case(.post, list, #"{"key":"here","session":"1"}"#, gives: 409, .presenceExists),
    ]

    @Test func `Every bad request gets its status and a problem that names the field, and changes nothing in Redis`()
        async throws
    {
        try await withServer { server in
            #expect(try await server.send(.put, Self.here, #"{"meta":{"a":0}}"#).status == 201)
            let before = try await server.redisContents()
            for bad in Self.cases {
                let answer = try await server.send(
                    bad.method, bad.path, bad.body, type: bad.type, headers: bad.headers)
                let name = Comment(rawValue: bad.testDescription)
                #expect(answer.status == bad.status, name)
                #expect(answer.header("Content-Type") == "application/problem+json", name)
                let json = try answer.json
                #expect(json["type"]?.string == bad.kind.type, name)
                #expect(json["title"]?.string == bad.kind.title, name)
                #expect(json["status"]?.int == bad.status, name)
                #expect(json["detail"]?.string?.isEmpty == false, name)
                let id = try #require(answer.header("X-Request-Id"), name)
                #expect(json["instance"]?.string == "urn:rollcall:request:" + id, name)
                #expect(try answer.places == bad.places, name)
                if bad.status == 405 { #expect(answer.header("Allow")?.contains("OPTIONS") == true, name) }
                #expect(try await server.redisContents() == before, name)
            }
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `A problem lists twenty of thousands of faults`() async throws {
        try await withServer { server in
            let members = (0..<100_000).map { "\"x\($0)\":0" }.joined(separator: ",")
            let batch = try await server.send(.post, "/v1/batch", #"{"operations":[{"op":"put",\#(members)}]}"#)
            #expect(batch.status == 200)
            #expect(try batch.json["results"]?[0]?["problem"]?["errors"]?.array?.count ?? 0 < 30)
            let query = (0..<1000).map { "x\($0)" }.joined(separator: "&")
            #expect(try await server.send(.get, Self.list + "?" + query).places.count == 20)
        }
    }

    /// The request is sent raw, because HTTP clients correct such paths.
    @Test(arguments: ["%FF", "%2", "100%", "%zz"])
    func `Malformed escapes, and escapes that do not decode to UTF-8, are refused`(_ topic: String) async throws {
        try await withServer { server in
            let before = try await server.redisContents()
            let answer = try await server.sendRaw(
                "PUT /v1/topics/\(topic)/presences/a/s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 400 "))
            #expect(answer.contains(#""type":"/problems/invalid-name""#) && answer.contains(#""parameter":"topic""#))
            #expect(try await server.redisContents() == before)
        }
    }

    @Test(
        arguments: ["__proto__", "a%2Fb", "%C3%BC", "u%CC%88", "%25", "..", "%2E", "constructor", "a+b"])
    func `Unusual names are valid`(_ name: String) async throws {
        try await withServer { server in
            let path = "/v1/topics/\(name == ".." ? "%2E%2E" : name)/presences/\(name == ".." ? "%2E%2E" : name)/s"
            #expect(try await server.send(.put, path).status == 201)
            let answer = try await server.send(.get, path)
            #expect(answer.status == 200)
            #expect(try answer.json["topic"] == answer.json["key"])
        }
    }

    @Test func `A composed and a decomposed ü are two names`() async throws {
        try await withServer { server in
            for name in ["%C3%BC", "u%CC%88"] {
                let answer = try await server.send(.put, "/v1/topics/t/presences/\(name)/s")
                #expect(answer.status == 201)
            }
            #expect(try await server.send(.get, "/v1/topics/t").json["keys"] == 2)
        }
    }
}
