// Rollcall · PresenceServerTests

import Foundation
import HTTPTypes
import Redis
import TestSupport
import Testing

@testable import PresenceServer

@Suite("The tables of problems, of ends of streams and of troubles with Redis")
struct TroubleshootingTablesTests {
    /// The cells of all rows of a section that begin with a name in code.
    private func rows(of page: String, below heading: String) throws -> [[String]] {
        let text = try String(contentsOfFile: repository + "/docs/" + page, encoding: .utf8)
        let section = try #require(text.components(separatedBy: "\n\(heading)\n").dropFirst().first)
        let end = section.range(of: "\n## ")?.lowerBound ?? section.endIndex
        return section[..<end].split(separator: "\n").filter { $0.hasPrefix("| `") }.map { line in
            line.dropFirst().dropLast().components(separatedBy: "|").map {
                $0.trimmingCharacters(in: .whitespaces)
            }
        }
    }

    /// Compares the first column with the names in the code.
    private func compare(_ rows: [[String]], with names: [String]) {
        let known = names.map { "`\($0)`" }
        let documented = rows.map { $0[0] }
        for name in known { #expect(documented.contains(name), "\(name) has no row") }
        for name in documented { #expect(known.contains(name), "there is no \(name)") }
        #expect(documented.count == Set(documented).count, "a name has two rows")
        for row in rows { #expect(row.allSatisfy { !$0.isEmpty }, "\(row[0]) has an empty cell") }
    }

    @Test func `docs/troubleshooting.md has a row for each problem type, and no other row`() throws {
        let rows = try rows(of: "troubleshooting.md", below: "## Problems of the HTTP API")
        compare(rows, with: ProblemKind.allCases.map(\.rawValue))
    }

    @Test func `docs/troubleshooting.md has the status of each problem type`() throws {
        let rows = try rows(of: "troubleshooting.md", below: "## Problems of the HTTP API")
        for kind in ProblemKind.allCases {
            let row = try #require(rows.first { $0[0] == "`\(kind.rawValue)`" }, "\(kind.rawValue)")
            try #require(row.count == 6, "\(kind.rawValue)")
            #expect(row[1] == String(kind.status.code), "\(kind.rawValue)")
        }
    }

    @Test func `docs/troubleshooting.md has a row for each reason why a stream ends, and no other row`() throws {
        let rows = try rows(of: "troubleshooting.md", below: "## Ends of streams")
        compare(rows, with: StreamEnd.allCases.map(\.rawValue))
    }

    @Test func `docs/operations.md has a row for each trouble with Redis, and no other row`() throws {
        let rows = try rows(of: "operations.md", below: "### A Redis that is half usable")
        compare(rows, with: RedisTrouble.Kind.allCases.map(\.rawValue))
    }
}
