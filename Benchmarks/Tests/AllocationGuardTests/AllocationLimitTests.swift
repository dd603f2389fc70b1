// Rollcall · AllocationGuardTests

import Testing

@testable import AllocationGuard

struct AllocationLimitTests {
    @Test func `a new limit permits a tenth more, and at least a quarter of an allocation`() {
        #expect(AllocationLimit(recording: 101.234) == AllocationLimit(recorded: 101.23, permitted: 111.36))
        #expect(AllocationLimit(recording: 2) == AllocationLimit(recorded: 2, permitted: 2.25))
        #expect(AllocationLimit(recording: 0) == AllocationLimit(recorded: 0, permitted: 0.25))
    }

    @Test(arguments: [
        (100.0, Verdict.kept), (110, .kept), (110.01, .exceeded), (90, .kept), (89.99, .outdated), (0, .outdated),
    ])
    func `a figure above the permitted one fails, and one far below the recorded one asks for a new limit`(
        measured: Double, verdict: Verdict
    ) {
        #expect(AllocationLimit(recorded: 100, permitted: 110).verdict(on: measured) == verdict)
    }

    @Test func `one more allocation for each unit exceeds the limit of up to five recorded ones`() {
        for recorded in [0.0, 1, 2, 5] {
            #expect(AllocationLimit(recording: recorded).verdict(on: recorded + 1) == .exceeded)
        }
    }

    @Test func `a permitted figure that was raised by hand is used`() {
        #expect(AllocationLimit(recorded: 100, permitted: 150).verdict(on: 149) == .kept)
    }
}
