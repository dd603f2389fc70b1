// Rollcall · TestSupport

import Foundation
import LocalServices

/// A real Chromium, driven by Playwright from a Python script.
package enum Browser {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The head of each script, which defines `chromium()`: `with chromium() as browser: page = browser.new_page()`.
    private static let prelude = """
        import os, sys
        from contextlib import contextmanager
        from playwright.sync_api import expect, sync_playwright

        @contextmanager
        def chromium():
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=os.environ.get("CHROMIUM"), args=["--no-sandbox", "--disable-dev-shm-usage"])
                try:
                    yield browser
                finally:
                    browser.close()

        """

    /// Runs a script to its end; `sys.argv[1:]` has the arguments.
    ///
    /// The Python and the browser are those of `scripts/bootstrap test`: Chromium from the system's packages, else the
    /// one that Playwright installed.
    package static func run(
        _ script: String, _ arguments: [String] = [], timeout: Duration = .seconds(120)
    ) async throws -> Command.Outcome {
        let python = Self.root.appendingPathComponent(".venv/bin/python").path
        guard FileManager.default.isExecutableFile(atPath: python) else {
            throw LocalServicesError(.notInstalled, "no \(python); run scripts/bootstrap test")
        }
        return try await Command.run(
            python, ["-c", Self.prelude + script] + arguments,
            environment: [
                "CHROMIUM": try? Executables.find("chromium", package: (apt: "chromium", brew: "chromium")),
                "PLAYWRIGHT_BROWSERS_PATH": Self.root.appendingPathComponent(".venv/browsers").path,
            ], timeout: timeout)
    }
}
