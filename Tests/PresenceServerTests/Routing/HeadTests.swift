// Rollcall · PresenceServerTests

import HTTPTypes
import NIOHTTP1
import TestSupport
import Testing

@testable import PresenceServer

@Suite("HEAD on every route")
struct HeadTests {
    private static let list = "/v1/topics/room:lobby/presences"

    /// Targets of each route that answers GET at once, by its operation id.
    private static let targets: [String: [String]] = [
        "listPresences": [
            list, "\(list)?view=keys", "\(list)?view=count", "\(list)?limit=1", "\(list)?limit=0",
            "/v1/topics/empty/presences",
        ],
        "getKeyEntry": ["\(list)/alice", "\(list)/absent"],
        "getPresence": ["\(list)/alice/1", "\(list)/alice/absent", "\(list)/alice/%20"],
        "countTopic": ["/v1/topics/room:lobby", "/v1/topics/empty", "/v1/topics/empty?x=1"],
        "listTopics": ["/v1/topics", "/v1/topics?limit=1"],
        "getHealth": ["/healthz"],
        "getReadiness": ["/readyz"],
        "getMetrics": ["/metrics"],
        "listRevocations": ["/v1/revocations"],
        "getContract": ["/openapi.yaml"],
        "getProblem": ["/problems/presence-absent", "/problems/absent"],
        "getDemoPage": ["/"],
        "getPhoenixPage": ["/phoenix"],
        "openSocket": ["/socket", "/socket?vsn=2.0.0"],
        "openSocketAtWebsocket": ["/socket/websocket"],
        "pollSocket": ["/socket/longpoll"],
    ]

    @Test func `The table of targets has every route that answers GET at once`() throws {
        let table = RouteTable.rollcall(
            try .unused, revocations: try .unused, streams: .unused, sockets: .unused, options: ServerOptions(),
            checks: { [] }, metrics: PrometheusExporter())
        let routes = table.routes.filter { $0.method == .get && $0.open == nil }
        #expect(Set(Self.targets.keys) == Set(routes.map(\.operationID)))
    }

    @Test func `HEAD has the status and the fields of GET, and no body`() async throws {
        try await withServer { server in
            for path in ["room:lobby/presences/alice/1", "room:lobby/presences/bob/1", "other/presences/eve/1"] {
                #expect(try await server.send(.put, "/v1/topics/\(path)").status == 201)
            }
            var unchanged = 0
            for (operation, targets) in Self.targets {
                for target in targets {
                    let get = try await self.compare(target, of: operation, on: server)
                    #expect(!get.bytes.isEmpty, "\(target)")
                    guard let tag = get.header("ETag") else { continue }
                    let known = try await self.compare(target, of: operation, on: server, unless: tag)
                    #expect(known.status == 304 && known.bytes.isEmpty, "\(target)")
                    unchanged += 1
                }
            }
            #expect(unchanged == 7, "four lists, two counts and one presence have a tag")
        }
    }

    /// Compares the answers to GET and HEAD, and returns that to GET.
    private func compare(
        _ target: String, of operation: String, on server: TestServer, unless tag: String? = nil
    ) async throws -> Answer {
        var fields = [("X-Request-Id", "same")]
        if let tag { fields.append(("If-None-Match", tag)) }
        let get = try await server.send(.get, target, headers: fields)
        let head = try await server.send(.head, target, headers: fields)
        #expect(head.status == get.status && head.bytes.isEmpty, "\(target)")
        // Metrics change with each request, and the date with each second.
        let moving: Set<String> = operation == "getMetrics" ? ["date", "content-length"] : ["date"]
        func stable(_ answer: Answer) -> [String] {
            answer.headers.filter { !moving.contains($0.name.lowercased()) }.map { "\($0.name): \($0.value)" }.sorted()
        }
        #expect(stable(head) == stable(get), "\(target)")
        #expect((head.header("Content-Length") == nil) == (get.status == 304), "\(target)")
        return get
    }
}
