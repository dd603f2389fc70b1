// Rollcall · JSONTextTests

import JSONText
import RandomInput
import Testing

@Suite("Random JSON")
struct JSONPropertyTests {
    @Test func `Any text is written byte for byte as it was read, except for white space`() async throws {
        let seed = SplitMix.freshSeed()
        var random = RandomJSON(generator: SplitMix(seed: seed))
        for _ in 0..<2_000 {
            // The tests share few threads, and some of the others depend on the time.
            await Task.yield()
            let compact = random.value()
            let spread = random.spread(compact)
            #expect(try text(JSON(parsing: spread).compact).utf8.elementsEqual(compact.utf8), "seed \(seed)")
        }
    }

    /// The compact text of an accepted input must be accepted again and stay the same.
    @Test(.timeLimit(.minutes(10)))
    func `Damaged bytes are refused, or read as JSON with a stable compact text`() async throws {
        let seed = SplitMix.freshSeed()
        var random = RandomJSON(generator: SplitMix(seed: seed))
        var accepted = 0
        for _ in 0..<500 {
            await Task.yield()
            let bytes = Array(random.value(depth: 2).utf8)
            for _ in 0..<50 {
                let damaged = random.generator.damaged(bytes, alphabet: Array("\"\\{}[],:0eu \u{80}".utf8))
                guard let json = try? JSON(parsing: damaged) else { continue }
                accepted += 1
                guard accepted.isMultiple(of: 16) else { continue }
                let compact = json.compact
                #expect(try JSON(parsing: compact).compact == compact, "seed \(seed)")
            }
        }
        #expect(accepted > 0, "seed \(seed)")
    }
}
