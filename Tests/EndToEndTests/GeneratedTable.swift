// Rollcall · EndToEndTests

import Foundation
import Synchronization
import TestSupport
import Testing

/// A table of `docs/operations.md` that is made from declarations of the program.
struct GeneratedTable {
    /// The line with the names of the columns.
    let head: String
    let rows: [String]

    /// Held while a table is read and written, because the tests of the tables run at the same time.
    private static let lock = Mutex(())

    /// Compares the page with the table.
    ///
    /// With `ROLLCALL_WRITE_DOCS`, as in `make docs`, it writes the table into the page instead.
    func check() throws { try Self.lock.withLock { _ in try readAndWrite() } }

    private func readAndWrite() throws {
        let path = repository + "/docs/operations.md"
        let page = try String(contentsOfFile: path, encoding: .utf8)
        let columns = head.count { $0 == "|" } - 1
        let start = try #require(page.range(of: "\(head)\n|\(String(repeating: "---|", count: columns))\n")).upperBound
        let found = page[start...].components(separatedBy: "\n").prefix { $0.hasPrefix("|") }
        guard ProcessInfo.processInfo.environment["ROLLCALL_WRITE_DOCS"] != nil else {
            #expect(Array(found) == rows, "Below \(head) docs/operations.md has other rows: run make docs")
            return
        }
        let rest = page[start...].dropFirst(found.joined(separator: "\n").count)
        try (page[..<start] + rows.joined(separator: "\n") + rest).write(
            toFile: path, atomically: true, encoding: .utf8)
    }
}
