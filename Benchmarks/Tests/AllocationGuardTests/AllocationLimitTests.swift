// Rollcall · AllocationGuardTests

import Testing

@testable import AllocationGuard

struct AllocationLimitTests {
    @Test func `a new limit lets a tenth more pass, and at least a quarter of an allocation`() {
        #expect(AllocationLimit(recording: 101.234) == AllocationLimit(recorded: 101.23, permitted: 111.36))
        #expect(AllocationLimit(recording: 2) == AllocationLimit(recorded: 2, permitted: 2.25))
        #expect(AllocationLimit(recording: 0) == AllocationLimit(recorded: 0, permitted: 0.25))
    }

    @Test(arguments: [
        (100.0, Verdict.kept), (110, .kept), (110.01, .exceeded), (90, .kept), (89.99, .outdated), (0, .outdated),
    ])
    func `more than is permitted fails, far less than was recorded is worth a new limit`(
        measured: Double, verdict: Verdict
    ) {
        #expect(AllocationLimit(recorded: 100, permitted: 110).verdict(on: measured) == verdict)
    }

    @Test func `one allocation more for each subscriber is too many, however few there were`() {
        for recorded in [0.0, 1, 2, 5] {
            #expect(AllocationLimit(recording: recorded).verdict(on: recorded + 1) == .exceeded)
        }
    }

    @Test func `a limit that somebody raised by hand stands`() {
        #expect(AllocationLimit(recorded: 100, permitted: 150).verdict(on: 149) == .kept)
    }
}
