// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// Addresses behind a proxy with a base path, and streams behind a proxy that chooses the node.
@Suite("A proxy before two nodes")
struct ProxyPathTests {
    @Test(arguments: Proxy.installed)
    func `every address that an answer has begins with the base path`(proxy: Proxy) async throws {
        let page = try String(contentsOfFile: repository + "/docs/operations.md", encoding: .utf8)
        for edits in proxy.edits {
            for edit in edits {
                #expect(page.contains("`\(edit.text)`") && page.contains("`\(edit.replacement)`"))
            }
            try await withTwoNodes(["ROLLCALL_BASE_PATH": "/presence"]) { nodes in
                try await RunningProxy.with(proxy, nodes: nodes, edits: edits) { running in
                    for client in running.both { try await checkAddresses(client) }
                }
            }
        }
    }

    /// Follows each address as a client would, relative to the origin.
    private func checkAddresses(_ client: RollcallClient) async throws {
        let topic = "/presence/v1/topics/" + (client.baseURL.hasPrefix("https") ? "encrypted" : "plain")
        for key in ["alice", "bob"] {
            let tracked = try await client.post(topic + "/presences", #"{"key":"\#(key)"}"#)
            let location = try #require(tracked.header("Location"))
            #expect(tracked.status == 201 && location.hasPrefix(topic + "/presences/\(key)/"))
            #expect(try await client.get(location).status == 200)
        }
        let list = try await client.get(topic + "/presences?limit=1")
        let link = try #require(list.header("Link")?.firstMatch(of: /<(.*)>; rel="next"/)?.1)
        #expect(link.hasPrefix(topic + "/presences?"))
        #expect(try await client.get(String(link)).json["presences"]?["bob"] != nil)
        let topics = try await client.get("/presence/v1/topics?limit=1&prefix=")
        #expect(topics.status == 200 && topics.header("Link")?.hasPrefix("</presence/v1/topics?") != false)

        let problem = try await client.get(topic + "/presences/absent")
        let type = try #require(try problem.json["type"]?.string)
        #expect(problem.status == 404 && type == "/presence/problems/presence-absent")
        #expect(try await client.get(type).status == 200)
        let batch = try await client.post(
            "/presence/v1/batch", #"{"operations":[{"op":"heartbeat","topic":"t","key":"absent","session":"s"}]}"#)
        #expect(try batch.json["results"]?[0]?["problem"]?["type"]?.string == type)

        #expect(try await client.get("/presence/?name=Alice").text.contains("<!doctype html>"))
        #expect(try await client.get("/presence/openapi.yaml").text.contains("\n  - url: /presence\n"))
        let stream = try await client.events(topic + "/events")
        #expect(try await stream.next("presence_state").json["alice"] != nil)
        await stream.close()
    }

    @Test(arguments: Proxy.installed)
    func `when a node stops every stream reconnects to the other one, and no presence leaves`(proxy: Proxy) async throws
    {
        try await withTwoNodes(["ROLLCALL_DRAIN": "1"]) { nodes in
            try await RunningProxy.with(proxy, nodes: nodes) { running in
                let path = RollcallClient.path(topic: "room", "events")
                let observer = try await nodes[1].client.events(path)
                _ = try await observer.next("presence_state")
                let refusals = Recorder<String>()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<20 {
                        let client = running.both[number % 2]
                        group.addTask {
                            let own = path + "?key=user\(number)&session=s&grace=30"
                            // Reconnects at once, which is sooner than a browser does.
                            while !Task.isCancelled {
                                let stream = try await Self.open(own, by: client, refusals)
                                try await eventually("the end", timeout: .seconds(120)) { stream.end != nil }
                            }
                        }
                    }
                    try await eventually("20 presences") {
                        try await nodes[1].client.get(RollcallClient.path(topic: "room")).json["presences"] == 20
                    }
                    let before = try await nodes[1].client.metric("rollcall_streams_open")
                    #expect(before.map { $0 < 21 } == true, "the proxy sent nothing to the first node")
                    #expect(await nodes[0].terminate() == .exited(0))
                    try await eventually("20 streams on the node that stays") {
                        if let refusal = refusals.all.first { throw NeverHappened(description: refusal) }
                        return try await nodes[1].client.metric("rollcall_streams_open") == 21
                    }
                    group.cancelAll()
                    do {
                        try await group.waitForAll()
                    } catch is CancellationError {}
                }
                let leaves = try observer.events.filter { $0.name == "presence_diff" }
                    .flatMap { try $0.json["leaves"]?.object.map { Array($0.keys) } ?? [] }
                #expect(leaves.isEmpty)
            }
        }
    }

    /// Opens a stream; records a refusal and throws it.
    private static func open(
        _ path: String, by client: RollcallClient, _ refusals: Recorder<String>
    ) async throws -> SSEClient {
        do {
            let stream = try await client.events(path)
            guard stream.status == 200 else { throw NeverHappened(description: "a 200: \(stream.status)") }
            return stream
        } catch {
            refusals.record("\(path): \(error)")
            throw error
        }
    }
}
