// Rollcall · PresenceServerTests

import Access
import AccessSamples
import HTTPTypes
import TestSupport
import Testing

@testable import PresenceServer

/// Every route with every kind of valid credential: the status, the problem, and Redis unchanged where a request is
/// refused.
///
/// Requests that every caller is refused are in ``RefusalTableTests``.
@Suite("Access to every route")
struct AccessTableTests {
    /// A request for each operation that needs a right, about the presence of alice on room:1.
    private static let requests: [(operation: String, method: HTTPRequest.Method, path: String, body: String?)] = [
        ("trackPresence", .post, "/v1/topics/room:1/presences", #"{"key":"alice"}"#),
        ("putPresence", .put, "/v1/topics/room:1/presences/alice/s", "{}"),
        ("patchPresence", .patch, "/v1/topics/room:1/presences/alice/s", #"{"a":1}"#),
        ("renewPresence", .post, "/v1/topics/room:1/presences/alice/s/heartbeat", "{}"),
        ("untrackPresence", .delete, "/v1/topics/room:1/presences/alice/s", nil),
        ("untrackKey", .delete, "/v1/topics/room:1/presences/alice", nil),
        (
            "runBatch", .post, "/v1/batch",
            #"{"operations":[{"op":"put","topic":"room:1","key":"alice","session":"s"}]}"#
        ),
        ("invalidateEnrichment", .post, "/v1/enrichment/invalidations", #"{"keys":["alice"]}"#),
        ("listPresences", .get, "/v1/topics/room:1/presences", nil),
        ("getKeyEntry", .get, "/v1/topics/room:1/presences/alice", nil),
        ("getPresence", .get, "/v1/topics/room:1/presences/alice/s", nil),
        ("countTopic", .get, "/v1/topics/room:1", nil), ("listTopics", .get, "/v1/topics?prefix=room:", nil),
        ("followTopic", .get, "/v1/topics/room:1/events", nil), ("followTopics", .get, "/v1/events?topic=room:1", nil),
        ("getMetrics", .get, "/metrics", nil),
        ("createRevocation", .post, "/v1/revocations", #"{"jti":"of-no-token"}"#),
        ("listRevocations", .get, "/v1/revocations", nil),
        ("liftRevocation", .delete, "/v1/revocations/AAAAAAAAAAAAAAAA", nil),
        ("createRemoval", .post, "/v1/removals", #"{"topic":"room:9","key":"carol"}"#),
        // The last one, because a ticket that was not used ends by itself.
        ("createTicket", .post, "/v1/tickets", #"{"topic":"room:1"}"#),
    ]
    private static let writes: Set = [
        "trackPresence", "putPresence", "patchPresence", "renewPresence", "untrackPresence", "untrackKey", "runBatch",
    ]
    private static let lists: Set = ["listPresences", "countTopic", "listTopics", "createTicket"]
    private static let entries: Set = ["getKeyEntry", "getPresence"]
    /// The operations that need a service right.
    fileprivate static let services: Set = [
        "invalidateEnrichment", "getMetrics", "createRevocation", "listRevocations", "liftRevocation", "createRemoval",
    ]

    @Test func `each route that needs a right is in the table`() async throws {
        let routes = try await routes()
        let needing = routes.filter { ![.nothing, .optional].contains($0.needs) }.map(\.operationID)
        #expect(Set(needing) == Set(Self.requests.map(\.operation)))
        #expect(
            Set(routes.filter { $0.needs == .nothing }.map(\.operationID))
                == [
                    "getHealth", "getContract", "getProblem", "getDemoPage", "getPhoenixPage", "openSocket",
                    "openSocketAtWebsocket", "pollSocket", "sendToSocket",
                ])
        #expect(routes.filter { $0.needs == .optional }.map(\.operationID) == ["getReadiness"])
    }

    @Test func `without the right operate, and with a wrong credential, readiness is a status alone`() async throws {
        try await withKeys { server, keys in
            let expired = SampleToken.hs256(SampleKeys.payload(lifetime: -60))
            let cases: [(credential: String?, isShown: Bool)] = [
                (nil, false), (expired, false), (keys.seeing.text, false), (keys.all.text, true),
            ]
            for (credential, isShown) in cases {
                let headers = credential.map { [("Authorization", "Bearer \($0)")] } ?? []
                let answer = try await server.send(.get, "/readyz", headers: headers)
                let (status, checks) = (try answer.json["status"], try answer.json["checks"])
                #expect(answer.status == 200 && status == "ready" && (checks != nil) == isShown, "\(answer.text)")
            }
        }
    }

    @Test(arguments: RightCredential.allCases)
    fileprivate func `a credential does what it allows, and nothing else`(credential: RightCredential) async throws {
        try await withKeys { server, keys in
            let refused = credential.refused(writes: Self.writes, lists: Self.lists, entries: Self.entries)
            for request in Self.requests where !request.operation.hasPrefix("follow") {
                _ = try await server.send(
                    (operation: "", method: .put, path: "/v1/topics/room:1/presences/alice/s", body: "{}"),
                    authorization: "Bearer \(keys.all.text)")
                let before = try await server.redisContents()
                let answer = try await server.send(request, authorization: try credential.value(keys))
                if !refused.contains(request.operation) {
                    #expect((200..<300).contains(answer.status), "\(request.operation): \(answer.text)")
                } else if request.operation == "runBatch", credential.tracksSomewhere {
                    let result = try answer.json["results"]?.array?.first
                    #expect(result?["status"]?.int == 403 && result?["problem"]?["missing"]?["right"] != nil)
                } else {
                    #expect(answer.status == 403, "\(request.operation): \(answer.text)")
                    #expect(try answer.json["type"]?.string == "/problems/forbidden")
                    #expect(try answer.json["missing"]?["right"]?.string?.isEmpty == false)
                    #expect(answer.header("WWW-Authenticate")?.hasSuffix(#"error="insufficient_scope""#) == true)
                }
                if refused.contains(request.operation) {
                    #expect(try await server.redisContents() == before, "\(request.operation)")
                }
            }
        }
    }

    @Test func `until a node has read what is revoked, it answers no credential but for metrics and readiness`()
        async throws
    {
        let keys = SampleKeys()
        let credentials = try await keys.credentials(readsRevocations: true)
        try await withServer(credentials: credentials) { server in
            let token = keys.token(rights: #"{"topic_prefixes":{"room:":["track","see"]}}"#)
            for credential in [token, keys.all.text] {
                for request in Self.requests where request.operation != "getMetrics" {
                    let answer = try await server.send(request, authorization: "Bearer \(credential)")
                    #expect(answer.status == 503 && answer.header("Retry-After") != nil, "\(request.operation)")
                    #expect(answer.text.contains("which credentials are revoked"), "\(answer.text)")
                }
            }
            let headers = [("Authorization", "Bearer \(keys.all.text)")]
            #expect(try await server.send(.get, "/metrics", headers: headers).status == 200)
            #expect(try await server.send(.get, "/readyz", headers: headers).json["checks"] != nil)
            #expect(HealthCheck.access(credentials).fault == "the revocations have not been read yet")

            await server.revocations.readNow()
            #expect(HealthCheck.access(credentials).fault == nil)
            let list = try await server.send(
                .get, "/v1/topics/room:1/presences", headers: [("Authorization", "Bearer \(token)")])
            #expect(list.status == 200)
        }
    }

    @Test func `a user need not name its key, and gets no cursor without see:count`() async throws {
        try await withKeys { server, keys in
            let token =
                "Bearer \(keys.token(rights: #"{"topics":{"room:1":["track"],"room:2":["track","see:count"]}}"#))"
            let first = try await server.send(
                .post, "/v1/topics/room:1/presences", "{}", headers: [("Authorization", token)])
            #expect(first.status == 201)
            #expect(try first.json["key"]?.string == "alice" && first.json["cursor"] == nil)
            let second = try await server.send(
                .post, "/v1/topics/room:2/presences", "{}", headers: [("Authorization", token)])
            #expect(try second.json["cursor"]?.string != nil)
        }
    }

    @Test func `without a view the most is given, and a view above the right is refused`() async throws {
        try await withKeys { server, keys in
            let list = "/v1/topics/room:1/presences"
            for (right, shown, refused) in [
                ("see:count", #""keys":"#, ["keys", "full"]), ("see:keys", "phx_ref", ["full"]), ("see", "online", []),
            ] {
                _ = try await server.send(
                    (operation: "", method: .put, path: list + "/alice/s", body: #"{"meta":{"online":1}}"#),
                    authorization: "Bearer \(keys.all.text)")
                let headers = [
                    ("Authorization", "Bearer \(keys.token(rights: #"{"topics":{"room:1":["\#(right)"]}}"#))")
                ]
                #expect(try await server.send(.get, list, headers: headers).text.contains(shown))
                for view in refused {
                    let answer = try await server.send(.get, list + "?view=\(view)", headers: headers)
                    #expect(answer.status == 403, "\(right) \(view)")
                }
            }
        }
    }

    @Test func `a page of a list has keys, so see:count does not do`() async throws {
        try await withKeys { server, keys in
            let list = "/v1/topics/room:1/presences"
            for (right, query, status) in [
                ("see:count", "?limit=1", 403), ("see:count", "?after=a", 403),
                ("see:count", "?view=count&limit=1", 400),
                ("see:keys", "?limit=1", 200), ("see:keys", "?after=a", 200),
            ] {
                let rights = #"{"topics":{"room:1":["\#(right)"]}}"#
                let headers = [("Authorization", "Bearer \(keys.token(rights: rights))")]
                let answer = try await server.send(.get, list + query, headers: headers)
                #expect(answer.status == status, "\(right) \(query)")
                if status == 403 { #expect(try answer.json["missing"]?["right"]?.string == "see:keys") }
            }
        }
    }

    @Test func `a list leaves out topics that the caller may not see, before it counts a page`() async throws {
        try await withKeys { server, keys in
            for number in 0..<9 {
                _ = try await server.send(
                    (operation: "", method: .put, path: "/v1/topics/room:\(number)/presences/a/s", body: "{}"),
                    authorization: "Bearer \(keys.all.text)")
            }
            let rights = #"{"topic_prefixes":{"room:":["see:count"]},"topics":{"room:1":[],"room:2":["track"]}}"#
            let headers = [("Authorization", "Bearer \(keys.token(rights: rights))")]
            var topics: [String] = []
            var next: String? = "/v1/topics?prefix=room:&limit=2"
            while let path = next {
                let answer = try await server.send(.get, path, headers: headers).json
                topics += (answer["topics"]?.array ?? []).compactMap { $0["topic"]?.string }
                next = answer["next"]?.string
            }
            #expect(topics == ["room:0", "room:3", "room:4", "room:5", "room:6", "room:7", "room:8"])
        }
    }

    private func withKeys(_ body: @Sendable (TestServer, SampleKeys) async throws -> Void) async throws {
        try await withSampleKeys(body)
    }

    private func routes() async throws -> [Route] {
        try await withServer { server in server.routes }
    }
}

private enum RightCredential: String, CaseIterable, Sendable {
    case user, otherUser, otherTopic, counting, seeingKeys, tracking, noRights, apiKey, seeingAPIKey

    func value(_ keys: SampleKeys) throws -> String {
        func token(_ rights: String, of subject: String = "alice") -> String {
            "Bearer \(keys.token(subject, rights: rights))"
        }
        return switch self {
        case .user: token(#"{"topic_prefixes":{"room:":["track","see"]}}"#)
        case .otherUser: token(#"{"topic_prefixes":{"room:":["track","see"]}}"#, of: "bob")
        case .otherTopic: token(#"{"topics":{"room:2":["track","see"]}}"#)
        case .counting: token(#"{"topic_prefixes":{"room:":["see:count"]}}"#)
        case .seeingKeys: token(#"{"topic_prefixes":{"room:":["see:keys"]}}"#)
        case .tracking: token(#"{"topic_prefixes":{"room:":["track"]}}"#)
        case .noRights: token("{}")
        case .apiKey: "Bearer \(keys.all.text)"
        case .seeingAPIKey: "Bearer \(keys.seeing.text)"
        }
    }

    /// Whether the credential may track on some topic, so that a batch is not refused as a whole.
    var tracksSomewhere: Bool { [.otherUser, .otherTopic].contains(self) }

    /// The operations that the credential may not use.
    func refused(writes: Set<String>, lists: Set<String>, entries: Set<String>) -> Set<String> {
        let refused: Set<String> =
            switch self {
            case .user, .apiKey: []
            case .otherUser, .seeingKeys, .seeingAPIKey: writes
            case .otherTopic, .noRights: writes.union(lists).union(entries)
            case .counting: writes.union(entries)
            case .tracking: lists
            }
        return self == .apiKey ? refused : refused.union(AccessTableTests.services)
    }
}

extension TestServer {
    fileprivate func send(
        _ request: (operation: String, method: HTTPRequest.Method, path: String, body: String?), authorization: String?
    ) async throws -> Answer {
        try await send(
            request.method, request.path, request.body,
            type: request.body == nil
                ? nil : request.method == .patch ? "application/merge-patch+json" : "application/json",
            headers: authorization.map { [("Authorization", $0)] } ?? [])
    }
}
