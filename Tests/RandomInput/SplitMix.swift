// Rollcall · RandomInput

import Foundation

/// A random generator with a seed: a failure prints its seed, and the seed repeats the failure.
package struct SplitMix: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    package mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    /// A number in `0..<bound`; much faster in a debug build than `Int.random`.
    package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    package mutating func pick<Element>(_ choices: [Element]) -> Element { choices[below(choices.count)] }

    /// The seed for one run of a property: `ROLLCALL_TEST_SEED`, or else a random one.
    package static func freshSeed() -> UInt64 {
        ProcessInfo.processInfo.environment["ROLLCALL_TEST_SEED"].flatMap(UInt64.init)
            ?? .random(in: 0...UInt64.max)
    }
}
