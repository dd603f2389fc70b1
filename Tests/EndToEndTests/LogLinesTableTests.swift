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
            for match in text.matches(of: /FailureEdgeLogger\(work: "([^"]+)"/) { lines.insert("\(match.1) fails") }
            // A line with a chosen level may be made of parts.
            for call in text.components(separatedBy: "ogger.log(").dropFirst() {
                let head = call.components(separatedBy: "metadata:")[0]
                for match in head.matches(of: /"([^"\\]+)"/) { lines.insert(String(match.1)) }
            }
        }
        return lines
    }

    /// The texts in the first column of all tables of the section.
    private func documented() throws -> [String] {
        let page = try String(contentsOfFile: repository + "/docs/troubleshooting.md", encoding: .utf8)
        let section = try #require(page.components(separatedBy: "\n## Log lines\n").dropFirst().first)
        let end = section.range(of: "\n## ")?.lowerBound ?? section.endIndex
        return section[..<end].matches(of: #/\n\| `([^`]+)` \|/#).map { String($0.output.1) }
    }

    @Test func `every warning and error of the log has a row in docs/troubleshooting.md`() throws {
        let rows = try documented()
        let lines = try lines()
        #expect(lines.count > 25)
        for line in lines.sorted() {
            #expect(rows.contains { $0.contains(line) }, "no row has the line \"\(line)\"")
        }
    }

    @Test func `every row of docs/troubleshooting.md about the log has a line that the sources log`() throws {
        let lines = try lines()
        for row in try documented() {
            // The sources contain the last part of a line that is made of parts.
            #expect(lines.contains { row.hasSuffix($0) }, "the sources do not log \"\(row)\"")
        }
    }
}
