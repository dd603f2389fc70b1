// Rollcall · EndToEndTests

import Foundation
import TestSupport
import Testing

@testable import rollcall

@Suite("The table of bounds")
struct BoundsTableTests {
    private struct Row {
        let what: String
        let cells: [String]
    }

    /// The rows of all tables of the section.
    private func rows() throws -> [Row] {
        let page = try String(contentsOfFile: repository + "/docs/operations.md", encoding: .utf8)
        let section = try #require(page.components(separatedBy: "\n## Bounds\n").dropFirst().first)
        let end = section.range(of: "\n## ")?.lowerBound ?? section.endIndex
        return section[..<end].split(separator: "\n").filter { $0.hasPrefix("|") }.compactMap { line in
            let cells = line.dropFirst().dropLast().components(separatedBy: "|").map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            return cells[0] == "what" || cells[0].hasPrefix("---") ? nil : Row(what: cells[0], cells: cells)
        }
    }

    @Test func `every bound names a test that exists`() throws {
        let names = try NamedTestsTests.names()
        let rows = try rows()
        #expect(rows.count >= 20)
        for row in rows {
            try #require(row.cells.count == 4, "\(row.what)")
            for name in row.cells[3].components(separatedBy: " · ") {
                #expect(names.contains(name), "\(row.what): no test is called \"\(name)\"")
            }
        }
    }

    @Test func `every setting in the table of bounds exists`() throws {
        let known = Set(SettingsTable.all.map(\.environmentName))
        for row in try rows() {
            for match in row.cells.joined().matches(of: /ROLLCALL_[A-Z_]+/) {
                #expect(known.contains(String(match.0)), "\(row.what)")
            }
        }
    }
}
