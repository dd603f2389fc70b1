// Rollcall · EndToEndTests

import Foundation

/// What the person who runs the tests may decide.
enum Environment {
    /// `ROLLCALL_TEST_SEED`: repeats a run of random tests.
    static var seed: UInt64? { ProcessInfo.processInfo.environment["ROLLCALL_TEST_SEED"].flatMap(UInt64.init) }
}
