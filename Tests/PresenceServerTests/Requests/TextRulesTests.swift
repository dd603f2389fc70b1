// Rollcall · PresenceServerTests

import HTTPTypes
import PresenceModel
import PresenceServer
import TestSupport
import Testing

/// Texts that strict readers refuse, sent by every way into the service.
@Suite("Text rules")
struct TextRulesTests {
    private static let list = "/v1/topics/t/presences"
    private static let alice = "/v1/topics/t/presences/alice/1"

    private func nested(_ depth: Int) -> String {
        String(repeating: #"{"a":"#, count: depth) + "1" + String(repeating: "}", count: depth)
    }

    /// Sends a meta by each way, and returns the status and the text of each answer.
    private func send(_ meta: String, to server: TestServer) async throws -> [(way: String, status: Int, text: String)]
    {
        let body = "{\"meta\":\(meta)}"
        let operation = #""topic":"t","key":"alice","session":"1""#
        var answers: [(way: String, status: Int, text: String)] = []
        for (method, path, body) in [
            (.post, Self.list, #"{"key":"eve","meta":\#(meta)}"#), (.put, Self.alice, body),
            (.patch, Self.alice, meta),
            (.post, "/v1/batch", #"{"operations":[{"op":"track","topic":"t","key":"bob","meta":\#(meta)}]}"#),
            (.post, "/v1/batch", #"{"operations":[{"op":"put",\#(operation),"meta":\#(meta)}]}"#),
            (.post, "/v1/batch", #"{"operations":[{"op":"update",\#(operation),"meta":\#(meta)}]}"#),
            (.post, "/v1/batch", #"{"operations":[{"op":"update",\#(operation),"patch":\#(meta)}]}"#),
        ] as [(HTTPRequest.Method, String, String)] {
            let answer = try await server.send(method, path, body)
            let status = path == "/v1/batch" ? try answer.json["results"]?[0]?["status"]?.int : answer.status
            answers.append(("\(method) \(body.prefix(60))", status ?? 0, answer.text))
        }
        return answers
    }

    @Test(arguments: [
        #"{"name":"cut \ud83d"}"#, #"{"a":[{"b\udc00":1}]}"#, #"{"a":"\ude00\ud83d"}"#, #"{"a":"x\u0000"}"#,
    ])
    func `a meta that is not Unicode is refused with 422 by every way, and its operation stops no other`(
        meta: String
    ) async throws {
        try await withServer { server in
            _ = try await server.send(.put, Self.alice)
            let before = try await server.redisContents()
            for answer in try await send(meta, to: server) {
                #expect(answer.status == 422, "\(answer)")
                #expect(answer.text.contains(#""pointer":"#), "\(answer)")
            }
            #expect(try await server.redisContents() == before)
            let mixed = try await server.send(
                .post, "/v1/batch",
                #"{"operations":[{"op":"put","topic":"t","key":"a","session":"1","meta":\#(meta)},"#
                    + #"{"op":"put","topic":"t","key":"b","session":"1"}]}"#)
            #expect(try mixed.json["results"]?[0]?["status"] == 422)
            #expect(try mixed.json["results"]?[1]?["status"] == 201)
        }
    }

    @Test func `a name that is not Unicode is refused, and the detail names the fault`() async throws {
        try await withServer { server in
            for (path, body, place) in [
                (Self.list, #"{"key":"cut \ud83d"}"#, "#/key"),
                (Self.list, #"{"key":"a","session":"\udc00"}"#, "#/session"),
                ("/v1/enrichment/invalidations", #"{"keys":["a","\ud800"]}"#, "#/keys/1"),
            ] {
                let answer = try await server.send(.post, path, body)
                #expect(answer.status == 422)
                #expect(try answer.places == [place])
                #expect(try answer.json["detail"]?.string?.contains("surrogate") == true)
            }
            for path in ["%ED%A0%BD", "%C0%80", "%F5%80%80%80", "%E2%82"] {
                #expect(
                    try await server.sendRaw(
                        "PUT /v1/topics/\(path)/presences/a/s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                    ).hasPrefix("HTTP/1.1 400 "))
            }
        }
    }

    @Test
    func `a member given twice in an operation refuses that operation, and one given twice in the batch refuses all`()
        async throws
    {
        try await withServer { server in
            let put = #"{"op":"put","topic":"t","key":"a","session":"1"}"#
            let answer = try await server.send(
                .post, "/v1/batch",
                #"{"operations":[{"op":"put","topic":"t","key":"b","k\u0065y":"c","session":"1"},\#(put)]}"#)
            #expect(try answer.json["results"]?[0]?["problem"]?["errors"]?[0]?["pointer"] == "#/key")
            #expect(try answer.json["results"]?[1]?["status"] == 201)
            let twice = try await server.send(.post, "/v1/batch", #"{"operations":[\#(put)],"operations":[]}"#)
            #expect(twice.status == 422)
            #expect(try twice.places == ["#/operations"])
        }
    }

    @Test func `a meta is at most 32 levels deep by every way, and the answer names the limit`() async throws {
        try await withServer { server in
            _ = try await server.send(.put, Self.alice)
            for depth in [33, 64, 500, 1_000] {
                for answer in try await send(nested(depth), to: server) {
                    #expect(answer.status == 422, "\(answer.way)")
                    #expect(answer.text.contains("32 levels"), "\(answer)")
                }
            }
            #expect(try await server.send(.put, Self.alice, #"{"meta":\#(nested(32))}"#).status == 200)
            #expect(try await server.send(.patch, Self.alice, nested(32)).status == 200)
        }
    }

    @Test func `line separators and controls are sent as escapes, and the same PUT again is a heartbeat`() async throws
    {
        try await withServer { server in
            let body = "{\"meta\":{\"a\":\"x\u{2028}y\u{85}\u{9B}\u{7F}\"}}"
            let first = try await server.send(.put, Self.alice, body)
            let again = try await server.send(.put, Self.alice, body)
            #expect(first.status == 201 && again.status == 200)
            #expect(try first.json["phx_ref"] == again.json["phx_ref"])
            #expect(
                try await server.send(.patch, Self.alice, "{\"a\":\"x\u{2028}y\u{85}\u{9B}\u{7F}\"}").json["phx_ref"]
                    == first.json["phx_ref"])
            let odd = "%E2%80%A8%E2%80%A9"
            _ = try await server.send(.put, "/v1/topics/\(odd)/presences/\(odd)/1", body)
            for path in [
                "\(Self.list)", Self.alice, "/v1/topics/\(odd)/presences", "/v1/topics",
                "/v1/topics/\(odd)/presences/\(odd)", "/v1/topics/\(odd)/presences?\(odd)=1",
            ] {
                let text = try await server.send(.get, path).text
                #expect(
                    !text.unicodeScalars.contains {
                        (0x7F...0x9F).contains($0.value) || [0x2028, 0x2029].contains($0.value)
                    }, "\(path)")
            }
            #expect(
                try await server.send(.get, Self.alice).json["meta"]?["a"]?.string == "x\u{2028}y\u{85}\u{9B}\u{7F}")
        }
    }

    @Test func `a meta that an older version stored is shown as text that every reader accepts`() async throws {
        try await withServer { server in
            let member = Member(key: try Key("old"), session: try Session("1"))
            let topic = try Topic("t")
            _ = try await server.send(.put, "/v1/topics/t/presences/old/1", #"{"meta":{"a":"SURROGATE"}}"#)
            try await server.rewrite(member, on: topic) { $0.replacing("SURROGATE", with: "\\ud83d \u{2028}") }
            for path in [Self.list, Self.list + "/old", Self.list + "/old/1"] {
                let answer = try await server.send(.get, path)
                #expect(answer.text.contains(#""a":"\ufffd \u2028""#), "\(path)")
            }
            #expect(try await server.send(.patch, Self.list + "/old/1", #"{"b":1}"#).status == 200)
        }
    }

    @Test func `null counts as absent for an optional member, and is a fault of a required one`() async throws {
        try await withServer { server in
            func statuses(_ operations: String) async throws -> [Int?] {
                let answer = try await server.send(.post, "/v1/batch", "{\"operations\":[\(operations)]}")
                return try (answer.json["results"]?.array ?? []).map { $0["status"]?.int }
            }
            let posted = try await server.send(.post, Self.list, #"{"key":"a","meta":null,"session":null,"ttl":null}"#)
            #expect(posted.status == 201)
            #expect(try posted.json["ttl"] == 30)
            _ = try await server.send(.put, Self.alice, #"{"meta":{"n":1},"ttl":60}"#)
            for body in [#"{"meta":null,"ttl":null}"#, "null", " null\n"] {
                let kept = try await server.send(.put, Self.alice, body)
                #expect(kept.status == 200)
                #expect(try kept.json["ttl"] == 60)
            }
            #expect(try await server.send(.get, Self.alice).text.contains(#""meta":{"n":1}"#))
            #expect(try await server.send(.post, Self.alice + "/heartbeat", #"{"ttl":null}"#).status == 200)
            #expect(try await server.send(.post, Self.alice + "/heartbeat", "null").status == 200)
            let alice = #""topic":"t","key":"alice","session":"1""#
            #expect(
                try await statuses(
                    #"{"op":"track","topic":"t","key":"z","session":null,"meta":null,"ttl":null},"#
                        + #"{"op":"put",\#(alice),"meta":null,"ttl":null},{"op":"heartbeat",\#(alice),"ttl":null},"#
                        + #"{"op":"update",\#(alice),"meta":null,"patch":{"m":2}},{"op":"update",\#(alice),"meta":{},"patch":null},"#
                        + #"{"op":"update",\#(alice),"meta":null,"patch":null},{"op":"untrack","topic":"t","key":"z","session":null},"#
                        + #"{"op":"put","topic":"t","key":"a","session":null},{"op":null},null,"#
                        + #"{"op":"untrack",\#(alice),"meta":null,"patch":null,"ttl":null},{"op":"untrack",\#(alice),"n":null}"#
                )
                    == [201, 200, 200, 200, 200, 422, 204, 422, 422, 422, 204, 422])
            for (path, body, place) in [
                (Self.list, #"{"key":null}"#, "#/key"), ("/v1/batch", #"{"operations":null}"#, "#/operations"),
                ("/v1/enrichment/invalidations", #"{"keys":null}"#, "#/keys"), (Self.list, "null", "#/key"),
            ] {
                let answer = try await server.send(.post, path, body)
                #expect(answer.status == 422)
                #expect(try answer.places == [place])
            }
            #expect(try await server.send(.patch, Self.alice, "null").status == 422)
        }
    }
}
