// Rollcall · EndToEndTests

import AccessSamples
import TestSupport
import Testing

/// Sockets of callers with a credential.
extension SocketTests {
    private func withKeys(
        _ more: [String: String] = [:], _ body: (RollcallProcess) async throws -> Void
    ) async throws {
        try await withNode(["ROLLCALL_TOKEN_SECRET": SampleToken.secret].merging(more) { $1 }, body)
    }

    private static func token(_ key: String, rights: String = #"["track","see"]"#, lifetime: Double = 600) -> String {
        SampleToken.hs256(
            SampleToken.payload(key, rights: #"{"topic_prefixes":{"room:":\#(rights)}}"#, lifetime: lifetime))
    }

    /// The status and the text of a refused handshake.
    private func refusal(
        _ open: () async throws -> PhoenixClient
    ) async throws -> WebSocketClient.Refusal {
        do {
            try await open().socket.drop()
        } catch let refusal as WebSocketClient.Refusal {
            return refusal
        }
        throw NeverHappened(description: "a refusal of the handshake")
    }

    @Test func `A credential is a subprotocol or a parameter, and its user is the key, also under another name`()
        async throws
    {
        try await withKeys { node in
            let token = Self.token("alice")
            let openings: [(parameters: String, authToken: String?)] = [
                ("", token), ("token=\(token)", nil), ("api_key=\(token)", nil), ("token=wrong", token),
            ]
            for (parameters, authToken) in openings {
                let socket = try await PhoenixClient.connect(node.url, .v2, parameters, authToken: authToken)
                #expect(socket.socket.field("Sec-WebSocket-Protocol") == (authToken == nil ? nil : "phoenix"))
                #expect(try await socket.join(Self.topic, #"{"name":"Eve"}"#).status == "ok")
                let state = try await socket.next("presence_state", on: Self.topic).payload
                #expect(state["alice"] != nil && state["Eve"] == nil)
                try await socket.socket.close()
            }
            #expect(!node.log.contains(token))
        }
    }

    @Test func `Messages of a long poll need no credential, but the token of its session, which others cannot use`()
        async throws
    {
        try await withKeys { node in
            let poll = try await LongPollClient.open(at: [node.client], authToken: Self.token("alice"))
            poll.keepPolling()
            let ref = try await poll.send(("phx_join", "{}"), on: Self.topic)[0]
            #expect(try await poll.answer(to: ref).status == "ok")
            try await eventually("alice") { try poll.roster(of: Self.topic).entries["alice"] != nil }

            let session = try #require(poll.token)
            for (token, fields) in [
                (session, ["X-Phoenix-AuthToken": Self.token("bob")]), (session + "A", [:]), ("lp_", [:]),
            ] {
                let answer = try await node.client.post(
                    "/socket/longpoll?vsn=2.0.0&token=\(token)", #"["1","9","\#(Self.topic)","phx_leave",{}]"#,
                    headers: fields)
                #expect(try answer.status == 200 && answer.json["status"]?.int != 200)
            }
            let answer = try await node.client.get(
                "/socket/longpoll?vsn=2.0.0", headers: ["X-Phoenix-Longpoll-Token": session])
            #expect(try answer.json["status"]?.int == 403, "a poll needs the credential")
            await poll.close()
        }
    }

    @Test func `A handshake without a right credential gets 403, and a token that is wrong is not repeated`()
        async throws
    {
        try await withKeys { node in
            let expired = Self.token("alice", lifetime: -120)
            for token in ["", "no-token-at-all", expired] {
                let answer = try await refusal { try await PhoenixClient.connect(node.url, .v2, "token=\(token)") }
                #expect(answer.status == 403 && answer.text.contains("/problems/socket-refused"))
                #expect(token.isEmpty || !answer.text.contains(token))
            }
            let encoded = try await refusal { try await PhoenixClient.connect(node.url, authToken: "no-token-at-all") }
            #expect(encoded.status == 403)
        }
    }

    @Test func `A join needs a right on its topic, and without the right to track it observes`() async throws {
        try await withKeys { node in
            let socket = try await PhoenixClient.connect(node.url, authToken: Self.token("alice", rights: #"["see"]"#))
            let refused = try await socket.join("other")
            #expect(refused.status == "error" && refused.reason == "unauthorized")
            #expect(try await socket.join(Self.topic).status == "ok")
            #expect(try await socket.next("presence_state", on: Self.topic).payload == [:])
            #expect(try await socket.push("track", on: Self.topic).status == "error")
            await socket.socket.drop()
        }
    }

    @Test func `The end of a token is announced, closes the socket with 1008, and leaves the presence its grace`()
        async throws
    {
        try await withKeys { node in
            let socket = try await PhoenixClient.connect(node.url, authToken: Self.token("alice", lifetime: 4))
            try await socket.join(Self.topic, #"{"grace":60}"#)
            let expiring = try await socket.next("expiring", on: Self.topic)
            #expect(expiring.payload["expires_at"]?.string?.hasSuffix("Z") == true)
            try await eventually("the end of the socket") { socket.socket.isEnded }
            #expect(socket.socket.closeCode == 1008)
            let again = try await refusal {
                try await PhoenixClient.connect(node.url, authToken: Self.token("alice", lifetime: -120))
            }
            #expect(again.status == 403)
            let fields = ["Authorization": "Bearer " + Self.token("bob")]
            #expect(try await node.client.get(path("presences", "alice"), headers: fields).status == 200)
        }
    }

    @Test func `A removed user gets phx_close, and a revoked one 1008 and then 403`() async throws {
        let rights = #"{"topic_prefixes":{"":["track:any","see"]},"service":["revoke","remove"]}"#
        let made = try await RollcallProcess.run(["apikey", "--rights", rights])
        let lines = made.output.split(separator: "\n").map(String.init)
        try #require(lines.count == 2, "\(made.errors)")
        let admin = ["Authorization": "Bearer \(lines[0])"]
        try await withKeys(["ROLLCALL_API_KEYS": "[\(lines[1])]"]) { node in
            let token = Self.token("alice")
            let socket = try await PhoenixClient.connect(node.url, authToken: token)
            try await socket.join(Self.topic)
            try await socket.join("room:2")
            let removal = #"{"topic":"\#(Self.topic)","key":"alice"}"#
            #expect(try await node.client.post("/v1/removals", removal, headers: admin).status == 200)
            _ = try await socket.next("phx_close", on: Self.topic)
            #expect(try await socket.join(Self.topic).reason == "unauthorized")
            #expect(try await socket.push("update", #"{"meta":{}}"#, on: "room:2").status == "ok")

            let revocation = #"{"sub":"alice"}"#
            #expect(try await node.client.post("/v1/revocations", revocation, headers: admin).status == 201)
            try await eventually("the end of the socket") { socket.socket.isEnded }
            #expect(socket.socket.closeCode == 1008)
            let refused = try await refusal { try await PhoenixClient.connect(node.url, authToken: token) }
            #expect(refused.status == 403)
            try await eventually("no presence of alice") {
                try await node.client.get("/v1/topics/room:2/presences/alice", headers: admin).status == 404
            }
        }
    }
}
