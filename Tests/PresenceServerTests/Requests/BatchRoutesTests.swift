// Rollcall · PresenceServerTests

import HTTPTypes
import LocalServices
import PresenceServer
import Redis
import TestSupport
import Testing

@Suite("Batch")
struct BatchRoutesTests {
    private func run(_ server: TestServer, _ operations: [String]) async throws -> [JSONValue] {
        let answer = try await server.send(
            .post, "/v1/batch", "{\"operations\":[\(operations.joined(separator: ","))]}")
        #expect(answer.status == 200)
        return try #require(try answer.json["results"]?.array)
    }

    @Test func `Each operation is answered as its single request would be, in order`() async throws {
        try await withServer { server in
            let results = try await self.run(
                server,
                [
                    #"{"op":"track","topic":"a","key":"alice","session":"1","meta":{"n":1}}"#,
                    #"{"op":"track","topic":"a","key":"alice","session":"1"}"#,
                    #"{"op":"put","topic":"b","key":"bob","session":"1","ttl":60}"#,
                    #"{"op":"update","topic":"a","key":"alice","session":"1","patch":{"m":2}}"#,
                    #"{"op":"update","topic":"a","key":"alice","session":"1","meta":{"z":0}}"#,
                    #"{"op":"heartbeat","topic":"b","key":"bob","session":"1"}"#,
                    #"{"op":"heartbeat","topic":"b","key":"absent","session":"1"}"#,
                    #"{"op":"put","topic":"b","key":"bob","session":"2"}"#,
                    #"{"op":"untrack","topic":"b","key":"bob"}"#,
                    #"{"op":"heartbeat","topic":"b","key":"bob","session":"1"}"#,
                    #"{"op":"untrack","topic":"b","key":"bob","session":"1"}"#,
                ])
            #expect(results.map { $0["status"]?.int } == [201, 409, 201, 200, 200, 200, 404, 201, 204, 404, 204])
            #expect(results[0]["key"] == "alice" && results[0]["expires_at"] != nil)
            #expect(results[1]["problem"]?["type"] == "/problems/presence-exists")
            #expect(results[2]["ttl"] == 60 && results[5]["ttl"] == 60)
            let alice = try await server.send(.get, "/v1/topics/a/presences/alice/1")
            #expect(alice.text.contains(#""meta":{"z":0}"#))
            #expect(try alice.json["phx_ref"] == results[4]["phx_ref"])
        }
    }

    @Test func `A wrong operation stops no other, and its pointers are relative to it`() async throws {
        try await withServer { server in
            let results = try await self.run(
                server,
                [
                    #"{"op":"track","topic":"","key":"a"}"#, #"{"op":"put","topic":"t","key":"a"}"#, #"{"op":"fly"}"#,
                    "7",
                    #"{"op":"update","topic":"t","key":"a","session":"s"}"#,
                    #"{"op":"update","topic":"t","key":"a","session":"s","meta":{},"patch":{}}"#,
                    #"{"op":"update","topic":"t","key":"a","session":"s","patch":{"phx_ref":"x"}}"#,
                    #"{"op":"track","topic":"t","key":"a","ttl":0,"meta":[]}"#,
                    #"{"op":"heartbeat","topic":"t","key":"a","session":"s","meta":{}}"#,
                    #"{"op":"track","topic":"t","key":"a","session":"s"}"#,
                ])
            #expect(results.map { $0["status"]?.int } == [400, 422, 422, 422, 422, 422, 422, 422, 422, 201])
            func places(_ index: Int) -> [String] {
                (results[index]["problem"]?["errors"]?.array ?? []).compactMap { $0["pointer"]?.string }
            }
            #expect(places(0) == ["#/topic"])
            #expect(places(1) == ["#/session"])
            #expect(places(2) == ["#/op"])
            #expect(places(6) == ["#/patch/phx_ref"])
            #expect(Set(places(7)) == ["#/ttl", "#/meta"])
            #expect(places(8) == ["#/meta"])
        }
    }

    @Test func `A batch performs five hundred operations on many topics`() async throws {
        try await withServer { server in
            let results = try await self.run(
                server,
                (0..<500).map { number in
                    "{\"op\":\"put\",\"topic\":\"t\(number % 40)\",\"key\":\"k\(number)\",\"session\":\"s\",\"meta\":{\"n\":\(number)}}"
                })
            #expect(results.count == 500)
            for (number, result) in results.enumerated() {
                #expect(
                    result["status"] == 201 && result["key"]?.string == "k\(number)"
                        && result["topic"]?.string == "t\(number % 40)")
            }
            #expect(try await server.send(.get, "/v1/topics").json["topics"]?.array?.count == 40)
            #expect(ServerOptions().concurrentTopics == 16)
        }
    }

    @Test func `Operations on one member are performed in order`() async throws {
        try await withServer { server in
            let put = #"{"op":"put","topic":"t","key":"a","session":"s","meta":{"n":"#
            let results = try await self.run(server, (1...5).map { put + "\($0)}}" })
            #expect(results.map { $0["status"]?.int } == [201, 200, 200, 200, 200])
            #expect(try await server.send(.get, "/v1/topics/t/presences/a/s").text.contains(#"{"n":5}"#))
        }
    }

    @Test func `A batch of the wrong shape or size is refused as a whole`() async throws {
        try await withServer { server in
            #expect(try await self.run(server, []).isEmpty)
            let tooMany = Array(repeating: "{}", count: 501).joined(separator: ",")
            for (body, status, place) in [
                ("", 400, nil), ("{", 400, "#"), ("[]", 422, "#"), ("{}", 422, "#/operations"),
                (#"{"operations":{}}"#, 422, "#/operations"), (#"{"operations":[],"x":1}"#, 422, "#/x"),
                ("{\"operations\":[\(tooMany)]}", 422, "#/operations"),
            ] as [(String, Int, String?)] {
                let answer = try await server.send(.post, "/v1/batch", body)
                #expect(answer.status == status)
                #expect(try answer.places == [place].compactMap(\.self))
            }
        }
    }

    private func calls(_ command: String, _ server: TestServer) async throws -> Int {
        let info = try await server.pool.connection().send(RedisCommand("INFO", ["commandstats"])).string ?? ""
        let line = info.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_\(command):calls=") }
        return line.flatMap { Int($0.drop { $0 != "=" }.dropFirst().prefix { $0.isNumber }) } ?? 0
    }

    @Test func `many keys untracked in one batch cost one reading of the topic, also between other operations`()
        async throws
    {
        try await withLocalRedis { redis in
            try await withServer(redis: redis.url) { server in
                let puts = (0..<500).map { #"{"op":"put","topic":"t","key":"k\#($0)","session":"s"}"# }
                _ = try await self.run(server, puts)
                _ = try await self.run(
                    server, (0..<500).map { #"{"op":"put","topic":"t","key":"k\#($0)","session":"r"}"# })
                let before = try await (self.calls("hkeys", server), self.calls("hscan", server))
                let mixed = (0..<250).flatMap {
                    [
                        #"{"op":"untrack","topic":"t","key":"k\#($0)"}"#,
                        #"{"op":"put","topic":"t","key":"other","session":"s\#($0)"}"#,
                    ]
                }
                #expect(try await self.run(server, mixed).allSatisfy { [201, 204].contains($0["status"]?.int) })
                let after = try await (self.calls("hkeys", server), self.calls("hscan", server))
                #expect(after.0 - before.0 == 1 && after.1 == before.1)
                let pairs = (0..<100).flatMap {
                    [
                        #"{"op":"put","topic":"t","key":"one","session":"s\#($0)"}"#,
                        #"{"op":"untrack","topic":"t","key":"one"}"#,
                    ]
                }
                _ = try await self.run(server, pairs)
                #expect(try await self.calls("hkeys", server) - after.0 == 1)
                let counts = try await server.send(.get, "/v1/topics/t").json
                #expect(counts["keys"] == 251 && counts["presences"] == 750)
            }
        }
    }

    @Test func `an untracked key has no session left that an earlier operation of the batch tracked`() async throws {
        try await withServer { server in
            let results = try await self.run(
                server,
                [
                    #"{"op":"put","topic":"t","key":"a","session":"1"}"#,
                    #"{"op":"untrack","topic":"t","key":"a"}"#,
                    #"{"op":"put","topic":"t","key":"a","session":"2"}"#,
                    #"{"op":"put","topic":"t","key":"b","session":"1"}"#,
                    #"{"op":"untrack","topic":"t","key":"a"}"#,
                    #"{"op":"untrack","topic":"t","key":"b"}"#,
                    #"{"op":"untrack","topic":"t","key":"absent"}"#,
                    #"{"op":"track","topic":"t","key":"b","session":"3"}"#,
                ])
            #expect(results.map { $0["status"]?.int } == [201, 204, 201, 201, 204, 204, 204, 201])
            let list = try await server.send(.get, "/v1/topics/t/presences").json
            #expect(list["presences"]?.object?.count == 1 && list["presences"]?["b"]?["metas"]?.array?.count == 1)
        }
    }
}
