// Rollcall · PresenceServerTests

import HTTPTypes
import PresenceServer
import TestSupport
import Testing

@Suite("Preconditions of writes")
struct PreconditionTests {
    private let alice = "/v1/topics/lobby/presences/alice/tab-1"

    private func put(_ body: String = "{}", to server: TestServer) async throws -> String {
        try #require(try await server.send(.put, self.alice, body).json["phx_ref"]?.string)
    }

    @Test func `A late DELETE of an earlier ref removes nothing, and one of the present ref does`() async throws {
        try await withServer { server in
            let old = try await put(#"{"meta":{"tab":1}}"#, to: server)
            let new = try await put(#"{"meta":{"tab":2}}"#, to: server)
            let before = try await server.redisContents()
            let late = try await server.send(.delete, self.alice, headers: [("If-Match", "\"\(old)\"")])
            #expect(late.status == 412)
            #expect(try late.json["phx_ref"]?.string == new)
            #expect(try late.json["type"]?.string == ProblemKind.refMoved.type)
            #expect(try await server.redisContents() == before)
            let fields = [("If-Match", "\"\(old)\", \"\(new)\"")]
            #expect(try await server.send(.delete, self.alice, headers: fields).status == 204)
            #expect(try await server.send(.get, self.alice).status == 404)
            for field in fields + [("If-Match", "*"), ("If-Match", "\"x\"")] {
                #expect(try await server.send(.delete, self.alice, headers: [field]).status == 204)
            }
        }
    }

    @Test func `A track of the same meta keeps the ref, so a DELETE of the earlier track removes the presence`()
        async throws
    {
        try await withServer { server in
            let old = try await put(#"{"meta":{"tab":1}}"#, to: server)
            #expect(try await put(#"{"meta":{"tab":1}}"#, to: server) == old)
            #expect(try await server.send(.delete, self.alice, headers: [("If-Match", "\"\(old)\"")]).status == 204)
            #expect(try await server.send(.get, self.alice).status == 404)
        }
    }

    @Test func `PUT with If-Match replaces only a presence with that ref, and creates none`() async throws {
        try await withServer { server in
            for field in ["*", "\"0000000000000000\"", "\"x\""] {
                let answer = try await server.send(.put, self.alice, headers: [("If-Match", field)])
                #expect(answer.status == 412)
                #expect(try answer.json["phx_ref"] == nil)
            }
            #expect(try await server.send(.get, self.alice).status == 404)
            let first = try await put(#"{"meta":{"n":1}}"#, to: server)
            let body = #"{"meta":{"n":2}}"#
            let stale = [("If-Match", "\"0000000000000000\", \"x\"")]
            let refused = try await server.send(.put, self.alice, body, headers: stale)
            #expect(refused.status == 412)
            #expect(try refused.json["phx_ref"]?.string == first)
            #expect(try await server.send(.get, self.alice).text.contains(#""meta":{"n":1}"#))
            for field in ["\"\(first)\"", "*"] {
                let answer = try await server.send(.put, self.alice, body, headers: [("If-Match", field)])
                #expect(answer.status == 200)
                #expect(try answer.json["phx_ref"]?.string != first)
            }
        }
    }

    @Test func `PUT with If-None-Match: * creates, and does not replace`() async throws {
        try await withServer { server in
            let fields = [("If-None-Match", "*")]
            let created = try await server.send(.put, self.alice, #"{"meta":{"n":1}}"#, headers: fields)
            #expect(created.status == 201)
            let again = try await server.send(.put, self.alice, #"{"meta":{"n":2}}"#, headers: fields)
            #expect(again.status == 409)
            #expect(try again.json["type"]?.string == ProblemKind.presenceExists.type)
            #expect(try again.json["phx_ref"] == created.json["phx_ref"])
            #expect(try await server.send(.get, self.alice).text.contains(#""meta":{"n":1}"#))
        }
    }

    @Test func `A heartbeat with If-Match renews only a presence with that ref`() async throws {
        try await withServer { server in
            let ref = try await put(#"{"ttl":60}"#, to: server)
            let path = self.alice + "/heartbeat"
            let absent = "/v1/topics/lobby/presences/bob/tab-1/heartbeat"
            for field in ["\"0000000000000000\"", "\"x\", \"y\""] {
                let answer = try await server.send(.post, path, #"{"ttl":100}"#, headers: [("If-Match", field)])
                #expect(answer.status == 412)
                #expect(try answer.json["phx_ref"]?.string == ref)
                #expect(try await server.send(.post, absent, headers: [("If-Match", field)]).status == 404)
            }
            #expect(try await server.send(.get, self.alice).json["ttl"] == 60)
            for field in ["*", "\"\(ref)\"", "\"x\", W/\"\(ref)\""] {
                #expect(try await server.send(.post, path, headers: [("If-Match", field)]).status == 200)
            }
        }
    }

    @Test func `PATCH with a list of refs needs one of them`() async throws {
        try await withServer { server in
            let ref = try await put(to: server)
            let stale = [("If-Match", "\"0000000000000000\", \"1111111111111111\"")]
            #expect(try await server.send(.patch, self.alice, #"{"a":1}"#, headers: stale).status == 412)
            let fields = [("If-Match", "\"0000000000000000\", \"\(ref)\"")]
            #expect(try await server.send(.patch, self.alice, #"{"a":1}"#, headers: fields).status == 200)
        }
    }

    /// Sends a batch of operations on the topic `lobby`.
    private func run(_ operations: [String], on server: TestServer) async throws -> [JSONValue] {
        let body = operations.map { #"{"topic":"lobby",\#($0)}"# }.joined(separator: ",")
        let answer = try await server.send(.post, "/v1/batch", "{\"operations\":[\(body)]}")
        return try #require(try answer.json["results"]?.array)
    }

    @Test func `Operations of a batch honour if_match, and one that fails stops no other`() async throws {
        try await withServer { server in
            let ref = try await put(#"{"meta":{"n":1}}"#, to: server)
            let (alice, bob) = (#""key":"alice","session":"tab-1""#, #""key":"bob","session":"tab-1""#)
            let results = try await run(
                [
                    #""op":"put",\#(alice),"meta":{"n":2},"if_match":"0000000000000000""#,
                    #""op":"put",\#(bob),"if_match":"*""#,
                    #""op":"heartbeat",\#(alice),"if_match":["x","\#(ref)"]"#,
                    #""op":"update",\#(alice),"patch":{"n":3},"if_match":"\#(ref)""#,
                    #""op":"update",\#(alice),"meta":{"n":4},"if_match":"\#(ref)""#,
                    #""op":"untrack",\#(alice),"if_match":"\#(ref)""#,
                    #""op":"untrack",\#(bob),"if_match":"\#(ref)""#,
                    #""op":"heartbeat",\#(alice),"if_match":"\#(ref)""#,
                    #""op":"put",\#(alice),"if_match":null"#,
                    #""op":"put",\#(alice),"meta":{"n":5},"if_match":"*""#,
                ], on: server)
            #expect(results.map { $0["status"]?.int } == [412, 412, 200, 200, 412, 412, 204, 412, 200, 200])
            #expect(results[0]["problem"]?["phx_ref"]?.string == ref)
            #expect(results[1]["problem"]?["phx_ref"] == nil)
            #expect(results[5]["problem"]?["phx_ref"] == results[3]["phx_ref"])
            #expect(try await server.send(.get, self.alice).text.contains(#""meta":{"n":5}"#))
        }
    }

    @Test func `A wrong if_match refuses its operation, and names the place`() async throws {
        try await withServer { server in
            let alice = #""key":"alice","session":"tab-1""#
            let results = try await run(
                [
                    #""op":"put",\#(alice),"if_match":7"#, #""op":"put",\#(alice),"if_match":"\"quoted\"""#,
                    #""op":"heartbeat",\#(alice),"if_match":"""#, #""op":"update",\#(alice),"meta":{},"if_match":[]"#,
                    #""op":"untrack",\#(alice),"if_match":["x","*"]"#, #""op":"untrack","key":"alice","if_match":"x""#,
                    #""op":"track",\#(alice),"if_match":"*""#,
                ], on: server)
            #expect(results.allSatisfy { $0["status"] == 422 })
            #expect(
                results.map { $0["problem"]?["errors"]?[0]?["pointer"]?.string } == [
                    "#/if_match", "#/if_match", "#/if_match", "#/if_match", "#/if_match/1", "#/if_match", "#/if_match",
                ])
        }
    }
}
