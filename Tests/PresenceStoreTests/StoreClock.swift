// Rollcall · PresenceStoreTests

import PresenceModel
import Redis

@testable import PresenceStore

/// Ticks a bucket and changes its clock, so that tests need not wait.
struct StoreClock {
    let test: StoreUnderTest

    /// Ticks the topic's bucket.
    @discardableResult
    func tick(_ topic: Topic, policy: SweepPolicy = SweepPolicy()) async throws -> Tick {
        try await test.store.tick([StoreKeys.bucket(of: topic)], policy: policy)[0]
    }

    /// Sets the last tick of the topic's bucket to now if there was none.
    ///
    /// A full Redis refuses this, so its test ticks earlier.
    func begin(_ topic: Topic) async throws {
        _ = try? await test.redis("HSETNX", test.keys(topic).clock, "last", .integer(try await test.now()))
    }

    /// Sets the last tick to `milliseconds` ago; a negative value sets it in the future.
    func pretendLastTick(on topic: Topic, ago milliseconds: Int) async throws {
        try await set("last", on: topic, try await test.now() - milliseconds)
    }

    func set(_ field: String, on topic: Topic, _ value: Int) async throws {
        try await test.redis("HSET", test.keys(topic).clock, .string(field), .integer(value))
    }

    /// Ticks and sweeps the topic, as a sweeper does without a hold.
    ///
    /// The tick gap is 60 s, because a busy machine may pause between the two, and after the last sweep.
    @discardableResult
    func sweep(_ topic: Topic) async throws -> Sweep {
        try await begin(topic)
        var policy = SweepPolicy()
        policy.gap = .seconds(60)
        try await tick(topic, policy: policy)
        return try await test.store.sweep([topic], policy: policy)[0].get()
    }
}
