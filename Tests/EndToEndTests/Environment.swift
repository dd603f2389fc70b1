// Rollcall · EndToEndTests

import Foundation

/// The environment variables that configure a test run.
enum Environment {
    /// `ROLLCALL_TEST_SEED`: repeats a run of random tests.
    static var seed: UInt64? { number("ROLLCALL_TEST_SEED") }

    /// `ROLLCALL_CONTRACT_SEED`: the seed of the requests that the contract's fuzzing makes.
    static var contractSeed: Int? { number("ROLLCALL_CONTRACT_SEED") }

    /// `ROLLCALL_TEST_EXAMPLES`: how many requests of each operation the contract's fuzzing makes.
    static var examples: Int? { number("ROLLCALL_TEST_EXAMPLES") }

    private static func number<Number: FixedWidthInteger>(_ name: String) -> Number? {
        ProcessInfo.processInfo.environment[name].flatMap { Number($0) }
    }
}
