// Rollcall · EndToEndTests

import TestSupport
import Testing

/// Handshakes and frames of sockets, right and wrong ones.
extension SocketTests {
    private static let target = "/socket/websocket?vsn=2.0.0"

    @Test(arguments: [false, true])
    func `Messages in the packet of the handshake, or byte by byte, are answered in their order`(isBytewise: Bool)
        async throws
    {
        try await withNode { node in
            let texts = [
                #"["1","1","\#(Self.topic)","phx_join",{"name":"Alice"}]"#,
                #"["1","2","\#(Self.topic)","phx_leave",{}]"#,
                #"["3","3","\#(Self.topic)","phx_join",{"name":"Alice"}]"#,
            ]
            let opening = texts.flatMap { WebSocketBytes.masked($0) }
            let socket = try await WebSocketClient.open(
                node.url, Self.target, opening: opening, isBytewise: isBytewise)
            let client = PhoenixClient(socket, .v2)
            var state = try await client.next("presence_state", on: Self.topic)
            while state.joinRef != "3" { state = try await client.next("presence_state", on: Self.topic) }
            let answered = try client.messages.filter { $0.event == "phx_reply" }.map(\.ref)
            #expect(answered.suffix(2) == ["2", "3"])
            try await eventually("one presence") {
                try await node.client.get(path("presences", "Alice")).json["metas"]?.array?.count == 1
            }
            await socket.drop()
        }
    }

    @Test(arguments: [["/healthz"], ["/v1/topics", "/socket"], ["/v1/topics/x/events?vew=keys"]])
    func `A socket opens on a later request of a connection`(before: [String]) async throws {
        try await withNode { node in
            let raw = try await RawClient.connect(to: node.url)
            for (number, path) in before.enumerated() {
                try await raw.send(RawClient.get(path))
                try await eventually("answer \(number)") {
                    try await raw.received.split(separator: "HTTP/1.1 ").count > number
                }
            }
            try await raw.send(WebSocketClient.handshake(Self.target))
            try await eventually("an open socket") { try await raw.received.contains("HTTP/1.1 101 ") }
            #expect(try await !raw.isEnded)
            await raw.close()
        }
    }

    @Test(
        arguments: [
            ("/socket/websocket?vsn=3.0.0", [:], 403), ("/socket/websocket?vsn=two", [:], 403),
            ("/socket/websocket?vsn=2.0.0", ["Origin": "https://foreign.example"], 403),
            ("/socket/websocket?vsn=2.0.0", ["Upgrade": ""], 426), ("/socket", ["Upgrade": "h2c"], 426),
            ("/socket", ["Sec-WebSocket-Version": "12"], 426), ("/socket", ["Sec-WebSocket-Key": ""], 400),
            ("/socket", ["Sec-WebSocket-Key": "short"], 400),
        ] as [(String, [String: String], Int)])
    func `A handshake that is wrong, or of a foreign page, is refused with a problem`(
        target: String, fields: [String: String], status: Int
    ) async throws {
        try await withNode { node in
            let refusal = await #expect(throws: WebSocketClient.Refusal.self) {
                _ = try await WebSocketClient.open(node.url, target, fields: fields)
            }
            #expect(refusal?.status == status && refusal?.text.contains("application/problem+json") == true)
        }
    }

    @Test func `Another method than GET is refused`() async throws {
        try await withNode { node in
            for path in ["/socket", "/socket/websocket"] {
                let answer = try await node.client.post(path)
                #expect(answer.status == 405 && answer.header("Allow")?.contains("GET") == true)
            }
        }
    }

    @Test func `Garbage in the packet of a handshake, before or behind it, opens or keeps no socket`() async throws {
        try await withNode { node in
            let stream = try await node.client.events(path("events"))
            _ = try await stream.next("presence_state")
            let raw = try await RawClient.connect(to: node.url)
            try await raw.send("garbage\r\n\r\n" + WebSocketClient.handshake(Self.target))
            try await eventually("the end of the connection") { try await raw.isEnded }
            #expect(try await !raw.received.contains(" 101 "))
            await raw.close()

            let garbage = [UInt8](repeating: UInt8(ascii: "g"), count: 200)
            func join(_ name: String) -> [UInt8] {
                WebSocketBytes.masked(#"["1","1","\#(Self.topic)","phx_join",{"name":"\#(name)","grace":0}]"#)
            }
            for opening in [garbage + join("Alice"), join("Bob") + garbage] {
                let socket = try await WebSocketClient.open(node.url, Self.target, opening: opening)
                try await eventually("the end of the socket") { socket.isEnded }
                #expect(socket.closeCode == 1002 && !socket.frames.contains { $0.opcode == WebSocketBytes.text })
            }
            // The join before the garbage is undone, and the one behind it never begins.
            let joined = try await stream.next("presence_diff").json
            #expect(joined["joins"]?.object?.keys.map(\.text) == ["Bob"])
            #expect(try await stream.next("presence_diff").json["leaves"]?["Bob"] != nil)
            await stream.close()
        }
    }

    @Test func `A message in fragments with a ping between them is one message, and the ping is answered`()
        async throws
    {
        try await withNode { node in
            let socket = try await WebSocketClient.open(node.url, Self.target)
            let text = Array(#"[null,"1","phoenix","heartbeat",{}]"#.utf8)
            let frames =
                WebSocketBytes.masked(text[..<5], isFinal: false)
                + WebSocketBytes.masked(Array("now".utf8), opcode: WebSocketBytes.ping)
                + WebSocketBytes.masked(text[5..<9], opcode: 0, isFinal: false)
                + WebSocketBytes.masked(text[9...], opcode: 0)
            try await socket.send(bytes: frames)
            let answer = try await PhoenixClient(socket, .v2).next("phx_reply", on: "phoenix")
            #expect(answer.status == "ok" && answer.ref == "1")
            #expect(socket.frames.first { $0.opcode == WebSocketBytes.pong }?.text == "now")
            await socket.drop()
        }
    }

    /// What a client may not send, by the `vsn` of its socket, and the code that closes the socket.
    private static let faults: [(vsn: String, bytes: [UInt8], code: Int)] = [
        ("2.0.0", [0x81, 0x02, 0x5B, 0x5D], 1002),  // not masked
        ("2.0.0", WebSocketBytes.masked([], opcode: 0), 1002),  // continues nothing
        ("2.0.0", WebSocketBytes.masked([], opcode: 3), 1002),  // an opcode that is not known
        ("2.0.0", WebSocketBytes.masked([], opcode: WebSocketBytes.ping, isFinal: false), 1002),
        ("1.0.0", WebSocketBytes.masked([0, 0, 0, 0, 0], opcode: 2), 1003),
        ("2.0.0", WebSocketBytes.masked([0, 9], opcode: 2), 1007),  // shorter than its header
        ("2.0.0", WebSocketBytes.masked("hello"), 1007),
        ("2.0.0", WebSocketBytes.masked([0xFF]), 1007),
        ("1.0.0", WebSocketBytes.masked(#"["1","1","t","phx_join",{}]"#), 1007),
        ("2.0.0", WebSocketBytes.masked(Array(repeating: UInt8(ascii: "["), count: 70_000)), 1009),
    ]

    @Test(arguments: faults)
    func `A frame or a message that is wrong closes the socket with its code, and no other`(
        vsn: String, bytes: [UInt8], code: Int
    ) async throws {
        try await withNode { node in
            let other = try await PhoenixClient.connect(node.url)
            let socket = try await WebSocketClient.open(node.url, "/socket?vsn=" + vsn)
            try await socket.send(bytes: bytes)
            try await eventually("the close frame") { socket.closeCode != nil }
            #expect(socket.closeCode == code)
            try await eventually("the end of the connection") { socket.isEnded }
            #expect(try await other.push("heartbeat", on: "phoenix").status == "ok")
            await other.socket.drop()
        }
    }

    @Test func `A binary message is answered as an unknown event, and a close frame with the same code`()
        async throws
    {
        try await withNode { node in
            let client = try await PhoenixClient.connect(node.url)
            let join = try await client.join(Self.topic)
            let joinRef = try #require(join.ref.string)
            let texts = [joinRef, "9", Self.topic, "photo"].map { Array($0.utf8) }
            let header = [0] + texts.map { UInt8($0.count) }
            let message = header + texts.flatMap { $0 } + [0xFF, 0xD8]
            try await client.socket.send(bytes: WebSocketBytes.masked(message, opcode: 2))
            #expect(try await client.answer(to: "9", on: Self.topic).reason == "unknown event")
            try await client.socket.close(code: 4_000)
            #expect(client.socket.closeCode == 4_000)
        }
    }

    @Test func `The socket of a reader that takes no bytes ends, and its presence leaves`() async throws {
        let settings = ["ROLLCALL_STUCK_READER_AGE": "1", "ROLLCALL_SLOW_READER_BYTES": "16384"]
        try await withNode(settings) { node in
            let reader = try await StalledReader.open(node.url, sending: WebSocketClient.handshake(Self.target))
            let join = #"["1","1","\#(Self.topic)","phx_join",{"name":"Alice","grace":0}]"#
            try await reader.send(bytes: WebSocketBytes.masked(join))
            let alice = path("presences", "Alice")
            try await eventually("Alice") { try await node.client.get(alice).status == 200 }
            let meta = String(repeating: "x", count: 3900)
            for batch in 0..<6 {
                let operations = (0..<500).map { number in
                    #"{"op":"put","topic":"\#(Self.topic)","key":"\#(batch)-\#(number)","session":"s","#
                        + #""meta":{"x":"\#(meta)"}}"#
                }
                _ = try await node.client.post(
                    "/v1/batch", #"{"operations":[\#(operations.joined(separator: ","))]}"#)
            }
            try await eventually("the leave of Alice") { try await node.client.get(alice).status == 404 }
            let closed = #"rollcall_sockets_closed_total{code="none"}"#
            try await eventually("the end of the socket") { try await node.client.metric(closed) == 1 }
            await reader.close()
        }
    }
}
