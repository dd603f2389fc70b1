// Rollcall · PresenceTests

import Testing

@testable import Presence

@Suite("JSON, at random")
struct JSONPropertyTests {
    @Test("Any text comes back compact and otherwise byte for byte")
    func roundTrip() throws {
        let seed = SplitMix.freshSeed()
        var random = RandomJSON(generator: SplitMix(seed: seed))
        for _ in 0..<2_000 {
            let compact = random.value()
            let spread = random.spread(compact)
            #expect(try text(JSON(parsing: spread).compact).utf8.elementsEqual(compact.utf8), "seed \(seed)")
        }
    }

    /// What is accepted is held to more: its compact text must be accepted again and stay the same.
    @Test("Damaged bytes are refused or read, and never more than that", .timeLimit(.minutes(10)))
    func damage() throws {
        let seed = SplitMix.freshSeed()
        var random = RandomJSON(generator: SplitMix(seed: seed))
        var accepted = 0
        for _ in 0..<500 {
            let bytes = Array(random.value(depth: 2).utf8)
            for _ in 0..<50 {
                let damaged = Self.damage(bytes, using: &random.generator)
                guard let json = try? JSON(parsing: damaged) else { continue }
                accepted += 1
                guard accepted.isMultiple(of: 16) else { continue }
                let compact = json.compact
                #expect(try JSON(parsing: compact).compact == compact, "seed \(seed)")
            }
        }
        #expect(accepted > 0, "seed \(seed)")
    }

    private static func damage(_ bytes: [UInt8], using generator: inout SplitMix) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let position = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0 where position < bytes.count: bytes[position] = .random(in: 0...255, using: &generator)
            case 1 where position < bytes.count: bytes.remove(at: position)
            case 2: bytes.removeSubrange(position...)
            default: bytes.insert("\"\\{}[],:0eu \u{80}".utf8.randomElement(using: &generator) ?? 0, at: position)
            }
        }
        return bytes
    }
}
