// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

/// The demo page in a real browser, against a real `rollcall dev`.
@Suite("The demo page")
struct DemoPageTests {
    @Test(.timeLimit(.minutes(10)))
    func `Tabs show each present name with the number of its tabs, and a closed tab leaves`() async throws {
        let python = repository + "/.venv/bin/python"
        try #require(
            FileManager.default.isExecutableFile(atPath: python),
            "the browser test needs \(python); scripts/bootstrap makes it")
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        let screenshot = NSTemporaryDirectory() + "rollcall-demo-page.png"
        let node = try await RollcallProcess.start(["dev", "--state", folder])
        let outcome = try await Command.run(
            python, [repository + "/Tests/EndToEndTests/demo_page.py", node.url, screenshot],
            environment: ["PLAYWRIGHT_BROWSERS_PATH": repository + "/.venv/browsers"], timeout: .seconds(480))
        let end = await node.terminate()
        #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)\nThe node's log:\n\(node.process.log.tail(20))")
        #expect(end == .exited(0))
    }
}
