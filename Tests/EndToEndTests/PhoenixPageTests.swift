// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// The page that runs the guide to Phoenix.Presence, in a real browser against real nodes.
@Suite("The page of the Phoenix guide")
struct PhoenixPageTests {
    private static let secret = "a secret of these tests, longer than 32 bytes"

    @Test(.timeLimit(.minutes(10)))
    func `Tabs that run the guide's code show each name with the number of its tabs`() async throws {
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix()]
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
            try await drive("guide", node, screenshot: "rollcall-phoenix-page.png")
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `The page sends its token as a subprotocol, and is present under its sub`() async throws {
        let settings = ["ROLLCALL_TOKEN_SECRET": Self.secret, "ROLLCALL_REDIS_PREFIX": uniquePrefix()]
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
            try await drive("token", node, screenshot: "rollcall-phoenix-page-token.png")
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `A page outlives the restart of its node, and shows the same names`() async throws {
        let settings = ["ROLLCALL_REDIS_PREFIX": uniquePrefix(), "ROLLCALL_DRAIN": "0"]
        let redis = try await SharedRedis.url
        let first = try await RollcallProcess.serve(redis: redis, environment: settings)
        let port = try #require(first.url.split(separator: ":").last)
        let again = settings.merging(["ROLLCALL_PORT": String(port)]) { $1 }
        // The node restarts when the tab is present; the script waits for its next connection.
        async let driven: Void = drive("restart", first, screenshot: "rollcall-phoenix-page-restart.png")
        let client = first.client
        try await eventually("Alice") {
            try await client.get(RollcallClient.path(topic: "room:lobby", "presences", "Alice")).status == 200
        }
        await first.terminate()
        let second = try await RollcallProcess.serve(redis: redis, environment: again)
        try await driven
        await second.terminate()
    }

    /// Runs phoenix_page.py with the steps of this name.
    private func drive(_ steps: String, _ node: RollcallProcess, screenshot: String) async throws {
        let python = repository + "/.venv/bin/python"
        try #require(
            FileManager.default.isExecutableFile(atPath: python),
            "the browser test needs \(python); scripts/bootstrap makes it")
        let script = repository + "/Tests/EndToEndTests/phoenix_page.py"
        let outcome = try await Command.run(
            python, [script, steps, node.url, NSTemporaryDirectory() + screenshot, try RollcallProcess.executable],
            environment: [
                "PLAYWRIGHT_BROWSERS_PATH": repository + "/.venv/browsers", "ROLLCALL_TOKEN_SECRET": Self.secret,
            ], timeout: .seconds(480))
        #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)\nThe node's log:\n\(node.process.log.tail(20))")
    }
}
