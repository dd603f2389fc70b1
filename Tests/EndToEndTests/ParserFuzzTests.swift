// Rollcall · EndToEndTests

import RandomInput
import TestSupport
import Testing

/// A short run of the fuzzer of `make fuzz`.
@Suite("Parsers, fuzzed")
struct ParserFuzzTests {
    /// The fuzzer is a separate process, because a crash would end the test run and its memory is measured.
    @Test(.timeLimit(.minutes(10)))
    func `No parser crashes, hangs or breaks an invariant on 95,000 random inputs`() async throws {
        let seed = SplitMix.freshSeed()
        print("parsers, fuzzed: seed \(seed)")
        let outcome = try await Command.run(
            try RollcallProcess.built("fuzz"), ["--count", "5000", "--seed", "\(seed)"],
            timeout: .seconds(240))
        #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
    }
}
