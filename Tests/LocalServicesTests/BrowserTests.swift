// Rollcall · LocalServicesTests

import TestSupport
import Testing

@Suite("The browser of the tests")
struct BrowserTests {
    @Test func `The browser opens a page and runs its scripts`() async throws {
        let script = """
            with chromium() as browser:
                page = browser.new_page()
                page.goto("data:text/html,<h1></h1><script>document.querySelector('h1').textContent = 6 * 7</script>")
                expect(page.locator("h1")).to_have_text(sys.argv[1])
                print(page.locator("h1").inner_text())
            """
        let outcome = try await Browser.run(script, ["42"])
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.output == "42\n")
    }
}
