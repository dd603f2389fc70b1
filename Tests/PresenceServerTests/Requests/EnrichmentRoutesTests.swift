// Rollcall · PresenceServerTests

import HTTPTypes
import PresenceModel
import PresenceFeed
import PresenceServer
import Synchronization
import TestSupport
import Testing

@Suite("Enriched lists, and announcements of changed data")
struct EnrichmentRoutesTests {
    private let list = "/v1/topics/lobby/presences"
    private let invalidate = "/v1/enrichment/invalidations"

    /// A source of data by key; for a key without data the fetch hook failed.
    private func enricher(_ data: @escaping @Sendable () -> [String: String]) -> EnrichmentSource {
        let fields: @Sendable ([Key]) -> EnrichmentFields = { keys in
            var fields = EnrichmentFields()
            let data = data()
            for key in keys {
                let added = data[key.text].map { [("user", Array($0.utf8))] } ?? []
                fields.set(added, isComplete: data[key.text] != nil, for: key)
            }
            return fields
        }
        return EnrichmentSource(
            applies: { $0.text != "plain" }, known: { _, _, _ in nil }, fetch: { keys, _, _, _ in fields(keys) })
    }

    @Test func `Lists and entries have enrichment in the full view, and mark entries that lack it`() async throws {
        try await withServer(enricher: enricher { ["alice": #"{"name":"Alice"}"#] }) { server in
            for name in ["alice", "bob"] { _ = try await server.send(.put, "\(self.list)/\(name)/s", "{}") }
            let presences = try await server.send(.get, self.list).json["presences"]
            #expect(presences?["alice"]?["user"]?["name"] == "Alice")
            #expect(presences?["alice"]?["enriched"] == nil)
            #expect(presences?["bob"]?["user"] == nil && presences?["bob"]?["enriched"] == false)
            #expect(try await server.send(.get, self.list + "/alice").json["user"]?["name"] == "Alice")
            #expect(try await server.send(.get, self.list + "?limit=1").text.contains(#""name":"Alice""#))
            #expect(try await server.send(.get, self.list + "?view=keys").text.contains("user") == false)
            _ = try await server.send(.put, "/v1/topics/plain/presences/alice/s", "{}")
            #expect(try await server.send(.get, "/v1/topics/plain/presences").text.contains("user") == false)
        }
    }

    @Test func `The list's tag changes with the data, while the cursor stays`() async throws {
        let name = Mutex("Alice")
        try await withServer(enricher: enricher { ["alice": "\"\(name.withLock { $0 })\""] }) { server in
            _ = try await server.send(.put, self.list + "/alice/s", "{}")
            let first = try await server.send(.get, self.list)
            let tag = try #require(first.header("ETag"))
            let known = [("If-None-Match", tag)]
            let same = try await server.send(.get, self.list, headers: known)
            #expect(same.status == 304 && same.header("ETag") == tag)
            name.withLock { $0 = "Alicia" }
            let new = try await server.send(.get, self.list, headers: known)
            #expect(new.status == 200 && new.header("ETag") != tag)
            #expect(try new.json["cursor"] == first.json["cursor"])
        }
    }

    @Test func `The answer to an announcement of changed data has its number of keys`() async throws {
        try await withServer { server in
            let answer = try await server.send(.post, self.invalidate, #"{"keys":["alice","ü b"]}"#)
            #expect(answer.status == 202)
            #expect(try answer.json == ["accepted": 2])
            #expect(try await server.send(.post, "/v1/enrichment/invalidate", #"{"keys":["a"]}"#).status == 404)
        }
    }

    @Test(
        arguments: [
            ("", 400, nil), ("{}", 422, "#/keys"), (#"{"keys":"alice"}"#, 422, "#/keys"),
            (#"{"keys":[]}"#, 422, "#/keys"),
            (#"{"keys":["a",7]}"#, 422, "#/keys/1"), (#"{"keys":[""]}"#, 400, "#/keys/0"),
            (#"{"keys":["a"],"topic":"x"}"#, 422, "#/topic"),
            ("{\"keys\":[\(Array(repeating: "\"a\"", count: 501).joined(separator: ","))]}", 422, "#/keys"),
        ] as [(String, Int, String?)])
    func `a body without valid keys is refused with the place of the fault`(body: String, status: Int, pointer: String?)
        async throws
    {
        try await withServer { server in
            let answer = try await server.send(.post, self.invalidate, body)
            #expect(answer.status == status)
            #expect(try answer.places.first == pointer)
        }
    }

    @Test func `A fetch hook that fails leaves the node ready, as degraded`() async throws {
        try await withServer(hookFault: "user: PostgreSQL is away") { server in
            let answer = try await server.send(.get, "/readyz")
            #expect(answer.status == 200)
            #expect(try answer.json["status"] == "degraded")
            #expect(answer.text.contains("user: PostgreSQL is away"))
        }
    }
}
