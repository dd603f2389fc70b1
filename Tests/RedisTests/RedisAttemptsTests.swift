// Rollcall · RedisTests

import Basics
import Testing

@testable import Redis

@Suite("Attempts to connect to Redis")
struct RedisAttemptsTests {
    private let backoff = RedisOptions().backoff

    @Test func `Pauses double from 50 ms to a second, and are up to 3 s after an error that only an operator can end`()
    {
        let steps = [1, 2, 5, 6, 7].map { backoff.pause(failures: $0, jitter: 1) }
        #expect(steps == [50, 100, 800, 1_000, 1_000].map(Duration.milliseconds))
        #expect(backoff.pause(failures: 1, isPermanent: true, jitter: 1) == .seconds(3))
    }

    @Test func `A connection that is lost soon counts as a failure, one that lasted does not`() {
        var attempts = RedisAttempts(backoff: backoff)
        let error = RedisError(.disconnected, "")
        for _ in 0..<9 { _ = attempts.pause(after: error, lived: .milliseconds(100)) }
        #expect(attempts.pause(after: error, lived: .milliseconds(100)) >= .milliseconds(500))
        #expect(attempts.pause(after: error, lived: .seconds(60)) <= .milliseconds(50))
    }

    @Test func `After an error that only an operator can end, already the first pause is long`() {
        var attempts = RedisAttempts(backoff: backoff)
        #expect(attempts.pause(after: RedisError(.wrongPassword, ""), lived: .zero) >= .milliseconds(1_500))
    }
}
