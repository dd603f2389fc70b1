// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// Metas and names with text that a strict reader refuses, or with characters that split lines.
@Suite("Text of a stream")
struct TextTests {
    private func withNode(_ body: (RollcallProcess) async throws -> Void) async throws {
        try await withRollcall(
            redis: try await SharedRedis.url, environment: ["ROLLCALL_REDIS_PREFIX": uniquePrefix()]
        ) { try await body($0) }
    }

    private func stream(meta: String, key: String = "eve") -> String {
        RollcallClient.path(topic: "lobby", "events") + "?key=\(key)&meta=\(RollcallClient.encoded(meta))"
    }

    @Test(
        arguments: [
            #"{"name":"cut \ud83d"}"#, #"{"\udc00":1}"#, #"{"a":"\u0000"}"#,
            String(repeating: #"{"a":"#, count: 33) + "1" + String(repeating: "}", count: 33),
            String(repeating: #"{"a":"#, count: 500) + "1" + String(repeating: "}", count: 500),
        ])
    func `a stream with a meta that no strict reader takes is refused with 400`(meta: String) async throws {
        try await withNode { node in
            let answer = try await node.client.get(stream(meta: meta))
            #expect(answer.status == 400)
            #expect(answer.text.contains(#""parameter":"meta""#))
            #expect(try await node.client.get("/v1/topics/lobby").json["presences"] == 0)
        }
    }

    @Test func `no event, comment or list holds a character that splits lines`() async throws {
        try await withNode { node in
            let odd = "lobby\u{2028}data: x\u{2029}"
            let path =
                RollcallClient.path(topic: odd, "events") + "?key=\(RollcallClient.encoded("e\u{2028}ve"))&meta="
                + RollcallClient.encoded("{\"a\":\"x\u{2028}event: presence_diff\u{85}\u{9B}31m\u{7F}\"}")
            let stream = try await node.client.events(path)
            while try await stream.next().name != "presence_state" {}
            _ = try await node.client.put(
                RollcallClient.path(topic: odd, "presences", "b\u{2029}", "1"), "{\"meta\":{\"b\":\"\u{2028}\"}}")
            let diff = try await stream.next()
            #expect(try diff.json["joins"]?["b\u{2029}"]?["metas"]?[0]?["b"]?.string == "\u{2028}")
            let texts =
                stream.comments + [
                    diff.data, try await node.client.get(RollcallClient.path(topic: odd, "presences")).text,
                ]
            for text in texts {
                #expect(
                    !text.unicodeScalars.contains { (0x7F...0x9F).contains($0.value) || 0x2028...0x2029 ~= $0.value })
            }
            #expect(stream.comments.first?.hasPrefix(#"lobby\u2028data: x\u2029, "#) == true)
        }
    }

    @Test func `the keys view shows by phx_ref_prev that a change is an update, in states, diffs and lists`()
        async throws
    {
        try await withNode { node in
            let alice = RollcallClient.path(topic: "lobby", "presences", "alice", "1")
            let keys = RollcallClient.path(topic: "lobby", "events") + "?view=keys"
            let stream = try await node.client.events(keys)
            _ = try await stream.next()
            let first = try await node.client.put(alice, #"{"meta":{"n":1}}"#).json["phx_ref"]?.string
            let joined = try await stream.next().json["joins"]?["alice"]?["metas"]?[0]?.object
            #expect(joined?.count == 1)
            let second = try await node.client.put(alice, #"{"meta":{"n":2}}"#).json["phx_ref"]?.string
            let diff = try await stream.next().json
            for meta in [
                diff["joins"]?["alice"]?["metas"]?[0],
                try await node.client.get(RollcallClient.path(topic: "lobby", "presences") + "?view=keys")
                    .json["presences"]?["alice"]?["metas"]?[0],
                try await node.client.events(keys).next().json["alice"]?["metas"]?[0],
                try await node.client.get(RollcallClient.path(topic: "lobby", "presences", "alice")).json["metas"]?[0],
            ] {
                #expect(meta?["phx_ref"]?.string == second)
                #expect(meta?["phx_ref_prev"]?.string == first)
            }
            #expect(diff["leaves"]?["alice"]?["metas"]?[0]?["phx_ref"]?.string == first)
        }
    }

    @Test func `list and watch read the deepest meta that is allowed`() async throws {
        try await withNode { node in
            let meta = String(repeating: #"{"a":"#, count: 32) + "1" + String(repeating: "}", count: 32)
            let path = RollcallClient.path(topic: "lobby", "presences", "alice", "1")
            #expect(try await node.client.put(path, #"{"meta":\#(meta)}"#).status == 201)
            let environment = ["ROLLCALL_URL": node.url]
            let list = try await RollcallProcess.run(["list", "lobby"], environment: environment)
            #expect(list.code == 0 && list.output.contains(meta))
            let json = try await RollcallProcess.run(["list", "lobby", "--json"], environment: environment)
            #expect(json.code == 0)
            let watch = try await OwnedProcess.start(
                try RollcallProcess.executable, arguments: ["watch", "lobby"], environment: ["ROLLCALL_URL": node.url])
            try await eventually("alice seen") { watch.log.lines.contains("+ alice \(meta)") }
            await watch.stop()
        }
    }

    #if os(Linux)
        /// The largest bodies that are read, of the smallest values, repeated names and names in escapes.
        @Test(.timeLimit(.minutes(10)))
        func `a body takes at most sixteen times its bytes of memory, also three at once`() async throws {
            try await withNode { node in
                let limit = (4 << 20) - 64
                func batch(_ piece: String) -> String {
                    let pieces = Array(repeating: piece, count: limit / (piece.utf8.count + 1)).joined(separator: ",")
                    return "{\"operations\":[\(pieces)]}"
                }
                func meta(_ open: String, _ piece: String, _ close: String) -> String {
                    let room = limit - 200
                    let pieces = Array(repeating: piece, count: room / (piece.utf8.count + 1)).joined(separator: ",")
                    return
                        #"{"operations":[{"op":"put","topic":"t","key":"k","session":"s","meta":\#(open)\#(pieces)\#(close)}]}"#
                }
                let names = (0..<400_000).map { "\"\(String($0, radix: 36))\":0" }.joined(separator: ",")
                let bodies = [
                    batch(#"{"":0}"#),
                    batch(String(repeating: #"{"":"#, count: 60) + "0" + String(repeating: "}", count: 60)),
                    batch("0"), batch("[]"), meta(#"{"a":["#, "0", "]}"), meta(#"{"a":["#, #"{"":0}"#, "]}"),
                    meta("{", names, "}"), String(repeating: "[", count: limit),
                    #"{"operations":[{"op":"update","topic":"t","key":"k","session":"s","patch":{\#(names)}}]}"#,
                ]
                let before = try peakMemory(of: node)
                for body in bodies {
                    _ = try await node.client.post("/v1/batch", body)
                    let took = try peakMemory(of: node) - before
                    #expect(took < 16 * body.utf8.count, "\(body.prefix(60)): \(took >> 20) MiB")
                }
                await withTaskGroup(of: Void.self) { tasks in
                    for _ in 0..<3 { tasks.addTask { _ = try? await node.client.post("/v1/batch", bodies[1]) } }
                }
                let took = try peakMemory(of: node) - before
                #expect(took < 3 * 16 * limit, "three at once: \(took >> 20) MiB")
            }
        }

        /// Bytes that the node's process had in memory at most.
        private func peakMemory(of node: RollcallProcess) throws -> Int {
            let status = try String(contentsOfFile: "/proc/\(node.process.pid)/status", encoding: .utf8)
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
            return try #require(Int(line.filter(\.isNumber))) << 10
        }
    #endif
}
