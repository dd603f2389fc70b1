// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// The demo page in a real browser, against a real node.
@Suite("The demo page")
struct DemoPageTests {
    @Test(.timeLimit(.minutes(10)))
    func `Tabs show each present name with the number of its tabs, and a closed tab leaves`() async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let node = try await RollcallProcess.start(["dev", "--state", folder])
        try await drive(node, screenshot: "rollcall-demo-page.png")
        #expect(await node.terminate() == .exited(0))
    }

    @Test(.timeLimit(.minutes(10)))
    func `The page takes a token out of its address, is present under its sub, and stops when it ends`() async throws {
        let secret = "a secret of these tests, longer than 32 bytes"
        let settings = ["ROLLCALL_TOKEN_SECRET": secret, "ROLLCALL_REDIS_PREFIX": uniquePrefix()]
        try await withRollcall(redis: try await SharedRedis.url, environment: settings) { node in
            try await drive(node, screenshot: "rollcall-demo-page-token.png", secret: secret)
        }
    }

    /// Runs demo_page.py: the steps with tokens if the node has a secret.
    private func drive(_ node: RollcallProcess, screenshot: String, secret: String? = nil) async throws {
        let python = repository + "/.venv/bin/python"
        try #require(
            FileManager.default.isExecutableFile(atPath: python),
            "the browser test needs \(python); scripts/bootstrap makes it")
        let script = repository + "/Tests/EndToEndTests/demo_page.py"
        let outcome = try await Command.run(
            python, [script, node.url, NSTemporaryDirectory() + screenshot, try RollcallProcess.executable],
            environment: [
                "PLAYWRIGHT_BROWSERS_PATH": repository + "/.venv/browsers", "ROLLCALL_TOKEN_SECRET": secret,
            ], timeout: .seconds(480))
        #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)\nThe node's log:\n\(node.process.log.tail(20))")
    }
}
