// Rollcall · PresenceServerTests

import HTTPTypes
import PresenceModel
import PresenceFeed
import PresenceServer
import Synchronization
import TestSupport
import Testing

@Suite("Topic routes")
struct TopicRoutesTests {
    private let list = "/v1/topics/room:lobby/presences"

    /// Tracks two sessions of alice and one each of bob and carol.
    private func fill(_ server: TestServer) async throws {
        for (member, meta) in [("alice/1", "1"), ("alice/2", "2"), ("carol/1", "3"), ("bob/1", "4")] {
            #expect(try await server.send(.put, "\(self.list)/\(member)", "{\"meta\":{\"n\":\(meta)}}").status == 201)
        }
    }

    @Test func `A list has every key in byte order, its cursor as ETag, and shows the client's own writes`()
        async throws
    {
        try await withServer { server in
            try await self.fill(server)
            let answer = try await server.send(.get, self.list)
            #expect(answer.status == 200)
            let json = try answer.json
            #expect(json["topic"] == "room:lobby")
            #expect(answer.header("ETag") == "\"\(json["cursor"]?.string ?? "")\"")
            #expect(answer.header("Link") == nil)
            #expect(json["presences"]?["alice"]?["metas"]?.array?.count == 2)
            #expect(json["presences"]?["carol"]?["metas"]?[0]?["n"] == 3)
            let order = ["alice", "bob", "carol"].compactMap { answer.text.firstRange(of: "\"\($0)\"")?.lowerBound }
            #expect(order == order.sorted() && order.count == 3)
            #expect(json["stale"] == nil)
        }
    }

    @Test func `If-None-Match with the present cursor is a 304; after a write it is not`() async throws {
        try await withServer { server in
            try await self.fill(server)
            let tag = try #require(try await server.send(.get, self.list).header("ETag"))
            for view in ["", "?view=keys", "?view=count"] {
                let same = try await server.send(.get, self.list + view, headers: [("If-None-Match", tag)])
                #expect(same.status == 304 && same.bytes.isEmpty)
                #expect(same.header("ETag") == tag)
            }
            _ = try await server.send(.delete, self.list + "/bob")
            let new = try await server.send(.get, self.list, headers: [("If-None-Match", tag)])
            #expect(new.status == 200 && new.header("ETag") != tag)
        }
    }

    @Test func `Counts with If-None-Match are a 304 while the cursor stays`() async throws {
        try await withServer { server in
            try await self.fill(server)
            let path = "/v1/topics/room:lobby"
            let tag = try #require(try await server.send(.get, path).header("ETag"))
            for field in [tag, "W/\(tag)", "\"x\", \(tag)", "\(tag.dropLast())-gzip\"", "*"] {
                let same = try await server.send(.get, path, headers: [("If-None-Match", field)])
                #expect(same.status == 304 && same.bytes.isEmpty, "\(field)")
                #expect(same.header("ETag") == tag && same.header("Cache-Control") == "no-cache")
            }
            _ = try await server.send(.delete, self.list + "/bob")
            let new = try await server.send(.get, path, headers: [("If-None-Match", tag)])
            #expect(new.status == 200 && new.header("ETag") != tag)
            #expect(try new.json["presences"] == 3)
        }
    }

    @Test func `An empty topic is an empty list at 0-0`() async throws {
        try await withServer { server in
            let answer = try await server.send(.get, self.list)
            #expect(answer.status == 200)
            #expect(answer.text == #"{"topic":"room:lobby","cursor":"0-0","presences":{}}"# + "\n")
            #expect(answer.header("ETag") == "\"0-0\"")
            #expect(try await server.send(.get, self.list, headers: [("If-None-Match", "\"0-0\"")]).status == 304)
            #expect(
                try await server.send(.get, "/v1/topics/room:lobby").json == [
                    "topic": "room:lobby", "cursor": "0-0", "keys": 0, "presences": 0,
                ])
        }
    }

    @Test func `view=keys has refs alone, view=count two numbers`() async throws {
        try await withServer { server in
            try await self.fill(server)
            let keys = try await server.send(.get, self.list + "?view=keys").json
            let metas = try #require(keys["presences"]?["alice"]?["metas"]?.array)
            #expect(metas.allSatisfy { Set(($0.object ?? [:]).keys.map(\.text)) == ["phx_ref"] })
            for path in [self.list + "?view=count", "/v1/topics/room:lobby"] {
                let count = try await server.send(.get, path).json
                #expect(count["keys"] == 3 && count["presences"] == 4)
                #expect(count["cursor"] == keys["cursor"])
            }
        }
    }

    @Test func `Link and next of each page lead to the page after it, and pages have no ETag`() async throws {
        try await withServer { server in
            let names = ["a", "b/c", "d e+f", "ü", "100%"].sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            for name in names { _ = try await server.send(.post, self.list, "{\"key\":\"\(name)\"}") }
            var path: String? = self.list + "?limit=2&view=keys"
            var seen: [String] = []
            while let page = path {
                let answer = try await server.send(.get, page)
                #expect(answer.status == 200 && answer.header("ETag") == nil)
                seen += (try answer.json["presences"]?.object ?? [:]).keys.map(\.text)
                    .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
                path = answer.header("Link").flatMap { $0.firstMatch(of: /<([^>]+)>; rel="next"/) }.map { String($0.1) }
                #expect(try answer.json["next"]?.string == path)
            }
            #expect(seen == names)
            #expect(try await server.send(.get, self.list).json["next"] == nil)
        }
    }

    @Test func `Topics are listed with counts, by prefix, in pages`() async throws {
        try await withServer { server in
            for topic in ["room:b", "room:a", "lobby", "room:c"] {
                _ = try await server.send(.post, "/v1/topics/\(topic)/presences", #"{"key":"x"}"#)
            }
            _ = try await server.send(.post, "/v1/topics/room:a/presences", #"{"key":"x"}"#)
            #expect(try await server.send(.get, "/v1/topics").json["topics"]?.array?.count == 4)
            let first = try await server.send(.get, "/v1/topics?prefix=room:&limit=2")
            #expect(
                try first.json == [
                    "topics": [
                        ["topic": "room:a", "keys": 1, "presences": 2], ["topic": "room:b", "keys": 1, "presences": 1],
                    ],
                    "next": "/v1/topics?prefix=room:&limit=2&after=room:b",
                ])
            #expect(first.header("Link") == "</v1/topics?prefix=room:&limit=2&after=room:b>; rel=\"next\"")
            let second = try await server.send(.get, "/v1/topics?prefix=room:&limit=2&after=room:b")
            #expect(try second.json == ["topics": [["topic": "room:c", "keys": 1, "presences": 1]]])
            #expect(second.header("Link") == nil)
        }
    }

    @Test func `a list of topics without a limit is a page of the default size`() async throws {
        var options = ServerOptions()
        #expect(options.defaultTopics == 1_000)
        options.defaultTopics = 3
        try await withServer(options: options) { server in
            for number in 0..<7 { _ = try await server.send(.put, "/v1/topics/t\(number)/presences/a/s") }
            var path: String? = "/v1/topics"
            var sizes: [Int] = []
            while let page = path {
                let answer = try await server.send(.get, page)
                sizes.append(try answer.json["topics"]?.array?.count ?? 0)
                let link = answer.header("Link").flatMap { $0.firstMatch(of: /<([^>]+)>; rel="next"/) }
                path = link.map { String($0.1) }
                #expect(try answer.json["next"]?.string == path)
            }
            #expect(sizes == [3, 3, 1])
        }
    }

    @Test func `A feed's replica answers while it is at Redis' position, and not when it is behind`() async throws {
        let replica = Mutex<LiveRoster?>(nil)
        try await withServer(live: { _ in replica.withLock { $0 } }) { server in
            _ = try await server.send(.put, self.list + "/alice/1")
            let cursor = try #require(Cursor(try await server.send(.get, self.list).json["cursor"]?.string ?? ""))
            // The key of the replica is not in Redis, so it shows which of the two answered.
            let roster = Roster([
                (Member(key: try Key("replica"), session: try Session("s")), Presence(ref: .random(), meta: .empty))
            ])
            replica.withLock { $0 = LiveRoster(cursor: cursor, roster: roster) }
            #expect(try await server.send(.get, self.list).text.contains("replica"))
            #expect(try await server.send(.get, self.list + "/replica").status == 200)
            #expect(try await server.send(.get, self.list + "/alice").status == 404)
            _ = try await server.send(.put, self.list + "/bob/1")
            let fresh = try await server.send(.get, self.list)
            #expect(!fresh.text.contains("replica") && fresh.text.contains("bob"))
            #expect(try await server.send(.get, self.list + "/replica").status == 404)
            #expect(try await server.send(.get, self.list + "/alice").status == 200)
        }
    }
}
