// Rollcall · PresenceStoreTests

import Presence
import Redis

@testable import PresenceStore

/// What a bucket remembers of its ticks, so that tests need not wait for time to pass.
struct StoreClock {
    let test: StoreUnderTest

    /// Ticks the topic's bucket.
    @discardableResult
    func tick(_ topic: Topic, policy: SweepPolicy = SweepPolicy()) async throws -> Tick {
        try await test.store.tick([StoreKeys.bucket(of: topic)], policy: policy)[0]
    }

    /// Has the topic's bucket been ticked, unless it was; a full Redis refuses that, and was ticked before.
    func begin(_ topic: Topic) async throws {
        _ = try? await test.redis("HSETNX", test.keys(topic).clock, "last", .integer(try await test.now()))
    }

    /// Makes it look as if the last tick was `milliseconds` ago; before now when negative.
    func pretendLastTick(on topic: Topic, ago milliseconds: Int) async throws {
        try await set("last", on: topic, try await test.now() - milliseconds)
    }

    func set(_ field: String, on topic: Topic, _ value: Int) async throws {
        try await test.redis("HSET", test.keys(topic).clock, .string(field), .integer(value))
    }

    /// Ticks and sweeps the topic, as a sweeper whose bucket is not held would: however long a busy machine pauses
    /// between the two, and between this sweep and the last one, it is no gap.
    @discardableResult
    func sweep(_ topic: Topic) async throws -> Sweep {
        try await begin(topic)
        var policy = SweepPolicy()
        policy.gap = .seconds(60)
        try await tick(topic, policy: policy)
        return try await test.store.sweep([topic], policy: policy)[0].get()
    }
}
