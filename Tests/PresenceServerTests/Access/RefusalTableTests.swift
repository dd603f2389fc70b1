// Rollcall · PresenceServerTests

import AccessSamples
import HTTPTypes
import TestSupport
import Testing

@testable import PresenceServer

/// Requests that are refused on every route: the status, the problem, and Redis unchanged.
///
/// They are made from the table of routes, so that a new route is covered by itself.
@Suite("Refusals on every route")
struct RefusalTableTests {
    private func bearer(_ credential: String) -> (String, String) { ("Authorization", "Bearer \(credential)") }

    /// Sends a request, and expects a refusal that changes nothing.
    private func expect(
        _ status: Int, _ problem: String, of server: TestServer, to request: RouteRequest, type: String?? = nil,
        headers: [(String, String)] = [], at place: SourceLocation = #_sourceLocation
    ) async throws -> Answer {
        let before = try await server.redisContents()
        let answer = try await server.send(request, type: type, headers: headers)
        #expect(answer.status == status, "\(request.name): \(answer.text)", sourceLocation: place)
        if request.method == .head {
            #expect(answer.bytes.isEmpty, "\(request.name)", sourceLocation: place)
        } else {
            let found = try answer.json["type"]?.string
            #expect(found == "/problems/\(problem)", "\(request.name)", sourceLocation: place)
        }
        #expect(try await server.redisContents() == before, "\(request.name)", sourceLocation: place)
        return answer
    }

    // MARK: Credentials

    @Test(arguments: WrongCredential.allCases)
    func `a wrong credential is refused on each route`(credential: WrongCredential) async throws {
        try await withSampleKeys { server, keys in
            let value = try credential.value(keys)
            let challenge = #"Bearer realm="rollcall""# + (value == nil ? "" : #", error="invalid_token""#)
            for request in RouteRequest.all(server.routes.filter(\.needs.isChecked)) {
                let answer = try await expect(
                    401, "unauthenticated", of: server, to: request,
                    headers: value.map { [("Authorization", $0)] } ?? [])
                #expect(answer.header("WWW-Authenticate") == challenge, "\(request.name)")
            }
            // The keys of the node are those that would verify the credential.
            let right = try keys.provider.token(SampleKeys.payload(), kid: "good")
            #expect(try await server.send(.get, "/v1/topics/room:1", headers: [bearer(right)]).status == 200)
        }
    }

    @Test func `a ticket is no credential for a route without a stream, nor as a token`() async throws {
        try await withSampleKeys { server, keys in
            let made = try await server.send(
                .post, "/v1/tickets", #"{"topic":"room:1"}"#, headers: [bearer(keys.all.text)])
            let ticket = try #require(try made.json["ticket"]?.string)
            for route in server.routes.filter(\.needs.isChecked) {
                let plain = RouteRequest(route)
                _ = try await expect(401, "unauthenticated", of: server, to: plain, headers: [bearer(ticket)])
                guard route.open == nil else { continue }
                let withTicket = RouteRequest(route, query: "ticket=\(ticket)")
                _ = try await expect(401, "unauthenticated", of: server, to: withTicket)
            }
        }
    }

    // MARK: Pages and names

    @Test func `a foreign page is refused on each route that writes, also with a right credential`() async throws {
        try await withSampleKeys { server, keys in
            var requests = server.routes.filter { $0.method != .get }.map { RouteRequest($0) }
            #expect(requests.count >= 12)
            for route in server.routes where route.open != nil {
                for query in ["key=alice", "ticket=x"] { requests.append(RouteRequest(route, query: query)) }
            }
            for request in requests {
                for field in CrossOriginTests.foreign {
                    for type in [request.type, "text/plain", nil] {
                        let answer = try await expect(
                            403, "cross-site", of: server, to: request, type: .some(type),
                            headers: [field, bearer(keys.all.text)])
                        #expect(answer.header("Access-Control-Allow-Origin") == nil, "\(request.name)")
                    }
                }
            }
        }
    }

    @Test func `a page of the node's own that names no JSON type is refused on each route that reads a body`()
        async throws
    {
        try await withSampleKeys { server, keys in
            let headers = [("Origin", "http://127.0.0.1:\(server.port)"), bearer(keys.all.text)]
            let types: [String?] = [
                nil, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
            ]
            // Long polls refuse foreign pages by their Origin alone.
            let routes = server.routes.filter { $0.body != nil && !$0.isOfSockets }
            for request in routes.map({ RouteRequest($0) }) {
                for type in types {
                    let answer = try await expect(
                        415, "unsupported-media-type", of: server, to: request, type: .some(type), headers: headers)
                    #expect(try answer.places == ["Content-Type"], "\(request.name)")
                }
            }
        }
    }

    @Test func `a name that a foreign site points to the node is refused on each route but probes`() async throws {
        try await withSampleKeys(origins: OriginPolicy(listeningOn: "127.0.0.1")) { server, keys in
            for route in server.routes {
                for request in RouteRequest.all([route]) {
                    let headers = [("Host", "rebound.test:\(server.port)"), bearer(keys.all.text)]
                    if route.isProbe {
                        #expect(try await server.send(request, headers: headers).status == 200, "\(request.name)")
                    } else {
                        _ = try await expect(421, "misdirected", of: server, to: request, headers: headers)
                    }
                }
            }
        }
    }

    // MARK: Operators

    @Test func `at the port for operators a route that changes something needs a credential with its right`()
        async throws
    {
        try await withSampleKeys(isForOperators: true) { server, keys in
            for request in RouteRequest.all(server.routes.filter { !$0.needs.isChecked }) {
                #expect(request.method == .get || request.method == .head, "\(request.name)")
                #expect(try await server.send(request).status == 200, "\(request.name)")
            }
            for request in RouteRequest.all(server.routes.filter(\.needs.isChecked)) {
                _ = try await expect(401, "unauthenticated", of: server, to: request)
                let narrow = try await expect(
                    403, "forbidden", of: server, to: request, headers: [bearer(keys.seeing.text)])
                #expect(try narrow.json["missing"]?["right"]?.string?.isEmpty == false, "\(request.name)")
            }
        }
    }

    // MARK: Names

    /// Topics with the rights of a token, as JSON texts; a topic as a path has it; whether the rights are for it.
    private static let topics: [(rights: String, path: String, isAllowed: Bool)] = [
        (#"{"topics":{"room:1":R}}"#, "room:1", true), (#"{"topics":{"room:1":R}}"#, "room%3A1", true),
        (#"{"topics":{"room:1":R}}"#, "%72oom%3a1", true), (#"{"topics":{"room:1":R}}"#, "room%253A1", false),
        (#"{"topics":{"room%3A1":R}}"#, "room:1", false), (#"{"topics":{"room%3A1":R}}"#, "room%253A1", true),
        (#"{"topics":{"room:1":R}}"#, "Room:1", false), (#"{"topics":{"room:1":R}}"#, "room:1%20", false),
        (#"{"topics":{"a/b":R}}"#, "a%2Fb", true), (#"{"topics":{"a":R}}"#, "a%2F..%2Fa", false),
        (#"{"topics":{"caf\#u{E9}":R}}"#, "caf%C3%A9", true), (#"{"topics":{"caf\#u{E9}":R}}"#, "cafe%CC%81", false),
        (#"{"topics":{"cafe\#u{301}":R}}"#, "cafe%CC%81", true),
        (#"{"topics":{"lobby*":R}}"#, "lobby*", true), (#"{"topics":{"lobby*":R}}"#, "lobby%2A", true),
        (#"{"topics":{"lobby*":R}}"#, "lobby1", false), (#"{"topic_prefixes":{"lobby*":R}}"#, "lobby1", false),
        (#"{"topic_prefixes":{"lobby*":R}}"#, "lobby*1", true),
        (#"{"topic_prefixes":{"room:":R,"room:vip:":[]}}"#, "room:1", true),
        (#"{"topic_prefixes":{"room:":R,"room:vip:":[]}}"#, "room:vip", true),
        (#"{"topic_prefixes":{"room:":R,"room:vip:":[]}}"#, "room:vip:1", false),
        (#"{"topic_prefixes":{"room:":R,"room:vip:":[]}}"#, "room%3Avip%3A1", false),
        (#"{"topic_prefixes":{"room:":R},"topics":{"room:1":[]}}"#, "room:1", false),
        (#"{"topic_prefixes":{"room:":R},"topics":{"room:1":[]}}"#, "room:10", true),
    ]

    @Test func `rights are for the bytes of a decoded topic, on each route with one in its path`() async throws {
        try await withSampleKeys { server, keys in
            // A stream asks its handler, which is not the one of a node here.
            let routes = server.routes.filter { $0.needs.isChecked && $0.open == nil && $0.path.has("topic") }
            #expect(routes.count >= 10)
            for (rights, path, isAllowed) in Self.topics {
                let token = keys.token(rights: rights.replacing("R", with: #"["track","see"]"#))
                for route in routes {
                    let request = RouteRequest(route, topic: path)
                    guard isAllowed else {
                        _ = try await expect(403, "forbidden", of: server, to: request, headers: [bearer(token)])
                        continue
                    }
                    let answer = try await server.send(request, headers: [bearer(token)])
                    #expect(![400, 401, 403].contains(answer.status), "\(request.name) \(rights): \(answer.text)")
                }
            }
        }
    }

    @Test func `a user writes under the bytes of its own key, on each route with a key in its path`() async throws {
        try await withSampleKeys { server, keys in
            let routes = server.routes.filter { $0.needs == .track && $0.path.has("key") }
            #expect(routes.count >= 5)
            for (subject, path, isOwn) in [
                ("caf\u{E9}", "caf%C3%A9", true), ("caf\u{E9}", "cafe%CC%81", false),
                ("cafe\u{301}", "caf%C3%A9", false), ("cafe\u{301}", "cafe%CC%81", true),
                ("alice", "%61lice", true), ("alice", "Alice", false), ("alice", "alice%20", false),
                ("a/b", "a%2Fb", true), ("a*", "a*", true), ("a*", "ab", false),
            ] {
                let token = keys.token(subject, rights: #"{"topic_prefixes":{"":["track","see"]}}"#)
                for route in routes {
                    let request = RouteRequest(route, key: path)
                    guard isOwn else {
                        _ = try await expect(403, "forbidden", of: server, to: request, headers: [bearer(token)])
                        continue
                    }
                    let answer = try await server.send(request, headers: [bearer(token)])
                    #expect(![400, 401, 403].contains(answer.status), "\(request.name) \(subject): \(answer.text)")
                }
            }
        }
    }

    @Test func `a refusal is the same for an occupied topic and for an empty one`() async throws {
        try await withSampleKeys { server, keys in
            let presence = "/v1/topics/room:1/presences/alice/s"
            #expect(try await server.send(.put, presence, "{}", headers: [bearer(keys.all.text)]).status == 201)
            let token = keys.token("bob", rights: #"{"topics":{"other":["track","see"]}}"#)
            for route in server.routes where route.needs.isChecked && route.open == nil && route.path.has("topic") {
                var answers: [String] = []
                for topic in ["room:1", "room:2"] {
                    let request = RouteRequest(route, topic: topic)
                    let answer = try await expect(403, "forbidden", of: server, to: request, headers: [bearer(token)])
                    // The id of the request differs.
                    answers.append(
                        answer.text.replacing(topic, with: "topic").replacing(/"instance":"[^"]*"/, with: ""))
                }
                #expect(answers[0] == answers[1], "\(route.operationID)")
            }
        }
    }

    // MARK: Batches

    @Test(arguments: ["put", "track", "update", "untrack", "heartbeat"])
    func `a batch does what its caller may, and refuses each other operation by itself`(operation: String) async throws
    {
        try await withSampleKeys { server, keys in
            let elsewhere = "/v1/topics/room:2/presences/alice/s"
            let admin = [bearer(keys.all.text)]
            #expect(try await server.send(.put, elsewhere, "{}", headers: admin).status == 201)
            let before = try await server.send(.get, elsewhere, headers: admin).json["phx_ref"]
            let meta = operation == "update" ? #","meta":{"a":1}"# : ""
            let operations = [
                #"{"op":"put","topic":"room:1","session":"first"}"#,
                #"{"op":"\#(operation)","topic":"room:2","session":"s"\#(meta)}"#,
                #"{"op":"\#(operation)","topic":"room:1","key":"bob","session":"s"\#(meta)}"#,
                #"{"op":"put","topic":"room:1","session":"last"}"#,
            ]
            let token = keys.token(rights: #"{"topics":{"room:1":["track"]}}"#)
            let answer = try await server.send(
                .post, "/v1/batch", #"{"operations":[\#(operations.joined(separator: ","))]}"#,
                headers: [bearer(token)])
            let results = try #require(try answer.json["results"]?.array)
            #expect(results.compactMap { $0["status"]?.int } == [201, 403, 403, 201], "\(answer.text)")
            #expect(
                results.map { $0["problem"]?["missing"]?["right"]?.string } == [nil, "track", "track:any", nil])
            #expect(try await server.send(.get, elsewhere, headers: admin).json["phx_ref"] == before)
            let entry = try await server.send(.get, "/v1/topics/room:1/presences/alice", headers: admin)
            #expect(try entry.json["metas"]?.array?.count == 2)
            #expect(try await server.send(.get, "/v1/topics/room:1/presences/bob", headers: admin).status == 404)
        }
    }
}

extension PathTemplate {
    fileprivate func has(_ name: String) -> Bool { segments.contains(.parameter(name)) }
}
