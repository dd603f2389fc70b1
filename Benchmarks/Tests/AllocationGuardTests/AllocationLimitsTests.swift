// Rollcall · AllocationGuardTests

import Foundation
import LoadGenerator
import Testing

@testable import AllocationGuard

struct AllocationLimitsTests {
    private let file = "/tmp/rollcall-allocation-limits-\(UInt64.random(in: 0 ... .max)).json"

    @Test func `the file of limits has a line for each path, in the order of their names`() {
        #expect(
            AllocationLimits(recording: [Self.path("track", 101.25), Self.path("fan-out", 2.04)]).text
                == """
                {
                  "fan-out": {"recorded": 2.04, "permitted": 2.29},
                  "track": {"recorded": 101.25, "permitted": 111.38}
                }

                """)
    }

    @Test func `limits that are written to a file are read from it unchanged`() throws {
        defer { unlink(file) }
        let limits = AllocationLimits(recording: [Self.path("track", 101.25), Self.path("fan-out", 2.04)])
        try limits.write(to: file)
        #expect(try AllocationLimits(file: file) == limits)
    }

    @Test func `a file of limits that is missing or malformed is an error`() throws {
        defer { unlink(file) }
        #expect(throws: LoadError.self) { try AllocationLimits(file: file) }
        try Data(#"{"track": {"recorded": "many"}}"#.utf8).write(to: URL(fileURLWithPath: file))
        #expect(throws: LoadError.self) { try AllocationLimits(file: file) }
    }

    @Test func `a failure of a report names the path, its figure and its limit`() {
        let limits = AllocationLimits(recording: [Self.path("track", 100), Self.path("replica", 50)])
        let report = GuardReport([Self.path("track", 120), Self.path("replica", 50)], limits)
        #expect(
            report.failures
                == ["track makes 120.00 allocations per request, and 110.00 are permitted (100.00 were recorded)"])
        #expect(report.hints.isEmpty)
        #expect(report.table.count == 3)
    }

    @Test func `a path without a limit fails, and a path far below its limit causes a hint`() {
        let report = GuardReport(
            [Self.path("track", 80), Self.path("new", 1)], AllocationLimits(recording: [Self.path("track", 100)]))
        #expect(report.failures == ["new has no limit"])
        #expect(
            report.hints
                == ["track makes only 80.00 allocations per request, where 100.00 were recorded: lower its limit"])
    }

    private static func path(_ name: String, _ number: Double) -> GuardedPath {
        GuardedPath(name, per: "request", AllocationCount(number: number, bytes: 0))
    }
}
