// Rollcall · EndToEndTests

import RandomInput
import TestSupport
import Testing

/// A short run of what `make fuzz` does at length.
@Suite("Parsers, fuzzed")
struct ParserFuzzTests {
    /// A program of its own, since a crash would end the test run, and its memory is measured.
    @Test(.timeLimit(.minutes(10)))
    func `No input of 60,000 crashes or stops a parser, or makes it break its promise`() async throws {
        let seed = SplitMix.freshSeed()
        print("parsers, fuzzed: seed \(seed)")
        let outcome = try await Command.run(
            try RollcallProcess.built("fuzz"), ["--count", "5000", "--seed", "\(seed)"],
            timeout: .seconds(240))
        #expect(outcome.code == 0, "\(outcome.output)\(outcome.errors)")
    }
}
