// Rollcall · FaultTests

import Foundation
import TestSupport
import Testing

/// Random operations and random faults, compared with a simple model.
@Suite("Random faults")
struct RandomFaultTests {
    /// `ROLLCALL_FUZZ_SEEDS` is the number of seeds, `ROLLCALL_TEST_SEED` the first one.
    @Test func `Under random faults no renewed presence leaves, and all streams, lists and Redis come to agree`()
        async throws
    {
        let environment = ProcessInfo.processInfo.environment
        let count = environment["ROLLCALL_FUZZ_SEEDS"].flatMap(Int.init) ?? 4
        let first = environment["ROLLCALL_TEST_SEED"].flatMap(UInt64.init) ?? .random(in: 0...1_000_000)
        print("random faults from seed \(first)")
        var struck: [RandomFault: Int] = [:]
        var closed = 0
        for number in 0..<count {
            let run = try await RandomRun.run(seed: first + UInt64(number))
            for fault in run.faults { struck[fault, default: 0] += 1 }
            closed += run.closed
        }
        print("\(count) seeds, faults: \(struck.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", "))")
        print("streams that were closed beside another one of their session: \(closed)")
    }
}
