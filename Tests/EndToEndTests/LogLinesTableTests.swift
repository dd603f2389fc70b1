// Rollcall · EndToEndTests

import Foundation
import TestSupport
import Testing

@Suite("The table of warnings and errors")
struct LogLinesTableTests {
    /// The texts of all warnings and errors that the sources log.
    private func lines() throws -> Set<String> {
        var lines: Set<String> = []
        let folder = URL(fileURLWithPath: repository + "/Sources")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            let calls = text.matches(of: /[lL]ogger\.(?:warning|error|critical)\(/)
            let literals = text.matches(of: /[lL]ogger\.(?:warning|error|critical)\(\s*"([^"\\]+)"/)
            #expect(calls.count == literals.count, "\(file.lastPathComponent): a log line that is no plain literal")
            for match in literals { lines.insert(String(match.1)) }
            for match in text.matches(of: /level: \.(?:warning|error|critical), message: "([^"\\]+)"/) {
                lines.insert(String(match.1))
            }
            for match in text.matches(of: /Outage\(work: "([^"]+)"/) { lines.insert("\(match.1) fails") }
            // A line with a chosen level may be made of parts.
            for call in text.components(separatedBy: "ogger.log(").dropFirst() {
                let head = call.components(separatedBy: "metadata:")[0]
                for match in head.matches(of: /"([^"\\]+)"/) { lines.insert(String(match.1)) }
            }
        }
        return lines
    }

    @Test func `every warning and error of the log stands in the table of docs operations`() throws {
        let page = try String(contentsOfFile: repository + "/docs/operations.md", encoding: .utf8)
        let section = try #require(page.components(separatedBy: "\n### Warnings and errors\n").dropFirst().first)
        let end = section.range(of: "\n## ")?.lowerBound ?? section.endIndex
        let rows = section[..<end].split(separator: "\n").filter { $0.hasPrefix("| `") }
        let lines = try lines()
        #expect(lines.count > 25)
        for line in lines.sorted() {
            #expect(rows.contains { $0.split(separator: "|")[0].contains(line) }, "no row has the line \"\(line)\"")
        }
    }
}
