// Rollcall · fuzz

import RandomInput

/// A few inputs of one kind: mostly a valid one and damaged copies of it.
struct Round {
    /// The number of damaged copies of each valid input.
    static let damages = 15

    var random: SplitMix
    private(set) var inputs = 0
    private(set) var accepted = 0
    private var input: [UInt8] = []

    init(seed: UInt64) {
        random = SplitMix(seed: seed)
    }

    /// Gives one input to `parse`, which returns whether the parser accepted it.
    mutating func feed(_ bytes: [UInt8], _ parse: (inout Round, [UInt8]) throws -> Bool) throws {
        inputs += 1
        input = bytes
        if try parse(&self, bytes) { accepted += 1 }
    }

    /// Gives damaged copies of a valid input to `parse`.
    mutating func damage(
        _ valid: [UInt8], _ alphabet: String, _ parse: (inout Round, [UInt8]) throws -> Bool
    ) throws {
        let alphabet = Array(alphabet.utf8) + [0x00, 0x1F, 0x80, 0xC2, 0xED, 0xFF]
        for _ in 0..<Self.damages { try feed(random.damaged(valid, alphabet: alphabet), parse) }
    }

    /// Throws a finding unless a promise holds for the current input.
    func expect(_ holds: Bool, _ what: @autoclosure () -> String) throws {
        guard holds else { throw finding(what()) }
    }

    /// A finding about the current input.
    func finding(_ what: String) -> Finding { Finding(what: what, input: input) }
}
