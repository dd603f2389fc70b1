// Rollcall · EndToEndTests

import Foundation
import TestSupport
import Testing

/// The tests that pages name as their proof.
@Suite("Tests that pages name")
struct NamedTestsTests {
    /// The names of all tests: the sentence of `@Test("…")`, or the function's own.
    static func names() throws -> Set<String> {
        var names: Set<String> = []
        let folder = URL(fileURLWithPath: repository + "/Tests")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /@Test\(\s*"((?:[^"\\]|\\.)*)"/) { names.insert(String(match.1)) }
            for match in text.matches(of: /func `([^`]+)`/) { names.insert(String(match.1)) }
        }
        return names
    }

    /// In a table with `test` at the end of its head, each row ends with names of tests, or with "no test".
    @Test(arguments: [("docs/threat-model.md", 40), ("docs/faults.md", 30)])
    func `each row of a table names tests that exist, or has no test`(page: String, rows: Int) throws {
        let names = try Self.names().union(["no test"])
        let text = try String(contentsOfFile: "\(repository)/\(page)", encoding: .utf8)
        var isOfTests = false
        var found = 0
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard line.hasPrefix("|"), let last = cells.last else {
                isOfTests = false
                continue
            }
            if last == "test" { isOfTests = true }
            guard isOfTests, last != "test", !last.hasPrefix("---") else { continue }
            found += 1
            for name in last.components(separatedBy: " · ") {
                #expect(names.contains(name), "\(page), \(cells[0]): no test is called \"\(name)\"")
            }
        }
        #expect(found >= rows)
    }
}
