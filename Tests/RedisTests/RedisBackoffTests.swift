// Rollcall · RedisTests

import TestSupport
import Testing

@testable import Redis

@Suite("Pauses between attempts")
struct RedisBackoffTests {
    @Test func `Each pause doubles up to the maximum, and lies in the upper half of its step`() {
        let backoff = RedisBackoff()
        for (failures, step) in [(1, 50), (2, 100), (3, 200), (5, 800), (6, 1_000), (7, 1_000), (.max, 1_000)] {
            for _ in 0..<50 {
                let pause = backoff.pause(failures: failures)
                #expect(pause >= .milliseconds(step) / 2 && pause <= .milliseconds(step))
            }
        }
    }

    @Test func `A connection that is lost soon counts as a failure, one that lasted does not`() {
        var attempts = RedisAttempts(backoff: RedisBackoff())
        let error = RedisError(.disconnected, "")
        for _ in 0..<9 { _ = attempts.pause(after: error, lived: .milliseconds(100)) }
        #expect(attempts.pause(after: error, lived: .milliseconds(100)) >= .milliseconds(500))
        #expect(attempts.pause(after: error, lived: .seconds(60)) <= .milliseconds(50))
    }

    @Test func `After an error that only an operator can end, already the first pause is long`() {
        var attempts = RedisAttempts(backoff: RedisBackoff())
        #expect(attempts.pause(after: RedisError(.wrongPassword, ""), lived: .zero) >= .milliseconds(500))
    }
}
