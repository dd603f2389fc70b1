// Rollcall · BasicsTests

import Basics
import Testing

@Suite("Pauses between attempts")
struct BackoffTests {
    private let backoff = Backoff(first: .milliseconds(50), longest: .seconds(1), permanent: .seconds(5))

    @Test(arguments: [(1, 50), (2, 100), (3, 200), (5, 800), (6, 1_000), (7, 1_000), (.max, 1_000)] as [(Int, Int)])
    func `Each step doubles up to the longest, and a pause is in the upper half of its step`(
        failures: Int, step: Int
    ) {
        #expect(backoff.pause(failures: failures, jitter: 1) == .milliseconds(step))
        for _ in 0..<50 {
            let pause = backoff.pause(failures: failures)
            #expect(pause >= .milliseconds(step) / 2 && pause <= .milliseconds(step))
        }
    }

    @Test(arguments: [1, 2, 100])
    func `After an error that does not pass, the step does not depend on the failures`(failures: Int) {
        #expect(backoff.pause(failures: failures, isPermanent: true, jitter: 0.5) == .milliseconds(2_500))
        let without = Backoff(first: .milliseconds(100), longest: .seconds(2))
        #expect(without.pause(failures: failures, isPermanent: true, jitter: 1) == .seconds(2))
    }

    @Test(arguments: [Int.min, -1, 0])
    func `Zero and negative failures count as one`(failures: Int) {
        #expect(backoff.pause(failures: failures, jitter: 1) == .milliseconds(50))
    }

    @Test func `A first step above the longest is the longest, however large it is`() {
        let backoff = Backoff(first: .milliseconds(Int.max), longest: .seconds(15))
        for failures in [1, 2, 100] { #expect(backoff.pause(failures: failures, jitter: 1) == .seconds(15)) }
    }
}
