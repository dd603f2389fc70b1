// Rollcall · AllocationGuardTests

import Glibc
import Testing

@testable import AllocationGuard

struct AllocationCountTests {
    @Test func `the median of a few counts ignores the count of a round with a timer`() {
        let counts = [(10.0, 900.0), (460, 90_000), (12, 1_000), (11, 800), (10, 950)]
            .map { AllocationCount(number: $0.0, bytes: $0.1) }
        #expect(AllocationCount.median(counts) == AllocationCount(number: 11, bytes: 950))
    }

    @Test func `a counter reads the counts that a process has written into its file`() throws {
        let file = "/tmp/rollcall-allocation-counter-\(UInt64.random(in: 0 ... .max))"
        defer { unlink(file) }
        let counter = try AllocationCounter(file: file)
        #expect(counter.total == .zero)
        let descriptor = open(file, O_WRONLY)
        defer { close(descriptor) }
        #expect(pwrite(descriptor, [UInt64(7), 4_096], 16, 0) == 16)
        #expect(counter.total == AllocationCount(number: 7, bytes: 4_096))
    }
}
