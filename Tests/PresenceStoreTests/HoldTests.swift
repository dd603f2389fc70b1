// Rollcall · PresenceStoreTests

import PresenceModel
import Redis
import Testing

@testable import PresenceStore

/// Time in which no node could renew removes no presence.
@Suite("hold")
struct HoldTests {
    let topic: Topic
    let alice: Member

    init() throws {
        topic = try .sample()
        alice = try Member("alice")
    }

    @Test func `A bucket without a tick is held for one default ttl if a lease is over, else not`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic)
            #expect(try await test.clock.tick(topic) == Tick(heldFor: 0, topics: []))
            try await test.setLease(of: alice, on: topic, at: 1)
            try await test.redis("DEL", test.keys(topic).clock)
            #expect(try await test.clock.tick(topic) == Tick(heldFor: 30_000, topics: []))
        }
    }

    @Test(
        arguments: [(gap: 0, hold: 0), (4_000, 10_000), (60_000, 60_000), (3_600_000, 300_000)])
    func `A tick gap holds a bucket for its own length, at least 10 s and at most the longest ttl`(
        _ gap: Int, hold: Int
    ) async throws {
        try await withStore { test in
            try await test.track(alice, on: topic)
            try await test.setLease(of: alice, on: topic, at: 1)
            try await test.clock.tick(topic)
            try await test.clock.pretendLastTick(on: topic, ago: gap)
            let tick = try await test.clock.tick(topic)
            #expect(tick.heldFor >= hold && tick.heldFor < hold + 30_000)
            #expect(tick.topics == (hold > 0 ? [] : [topic]))
            // The next tick comes in time, and the hold continues.
            let next = try await test.clock.tick(topic)
            #expect((next.heldFor > 0) == (hold > 0))
            #expect(next.topics == tick.topics)
        }
    }

    @Test func `A new run_id holds a bucket for one default ttl, or for the tick gap if that is longer`() async throws {
        try await withStore { test in
            for (ago, hold) in [(0, 30_000), (100_000, 100_000)] {
                try await test.clock.tick(topic)
                try await test.clock.set("hold", on: topic, 0)
                try await test.redis("HSET", test.keys(topic).clock, "rid", "another")
                try await test.clock.pretendLastTick(on: topic, ago: ago)
                let tick = try await test.clock.tick(topic)
                #expect(tick.heldFor >= hold && tick.heldFor < hold + 30_000)
            }
        }
    }

    @Test func `A clock that went back by more than 1 s holds a bucket for one default ttl`() async throws {
        try await withStore { test in
            try await test.clock.tick(topic)
            try await test.clock.pretendLastTick(on: topic, ago: -900)
            #expect(try await test.clock.tick(topic).heldFor == 0)
            try await test.clock.pretendLastTick(on: topic, ago: -60_000)
            #expect(try await test.clock.tick(topic).heldFor == 30_000)
        }
    }

    @Test func `A hold that ends beyond any lease, as after a clock jumped back, becomes one default ttl`()
        async throws
    {
        try await withStore { test in
            try await test.clock.tick(topic)
            try await test.clock.set("hold", on: topic, try await test.now() + 86_400_000)
            #expect(try await test.clock.tick(topic).heldFor == 30_000)
        }
    }

    @Test func `A later cause does not shorten a hold`() async throws {
        try await withStore { test in
            try await test.clock.tick(topic)
            try await test.clock.pretendLastTick(on: topic, ago: 200_000)
            #expect(try await test.clock.tick(topic).heldFor > 190_000)
            try await test.clock.pretendLastTick(on: topic, ago: 5_000)
            #expect(try await test.clock.tick(topic).heldFor > 190_000)
        }
    }

    @Test(
        arguments: ["hold", "gap", "back", "run_id", "never ticked"])
    func `A late sweep checks the hold itself and removes nothing`(_ cause: String) async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic)
            try await test.setLease(of: alice, on: topic, at: 1)
            #expect(try await test.clock.tick(topic).topics == [topic])
            switch cause {
            case "hold": try await test.clock.set("hold", on: topic, try await test.now() + 5000)
            case "gap": try await test.clock.pretendLastTick(on: topic, ago: 3500)
            case "back": try await test.clock.pretendLastTick(on: topic, ago: -60_000)
            case "run_id": try await test.redis("HSET", test.keys(topic).clock, "rid", "another")
            default: try await test.redis("DEL", test.keys(topic).clock)
            }
            let sweep = try await test.store.sweep([topic], policy: SweepPolicy())[0].get()
            #expect(sweep == Sweep(isHeld: true, removed: 0, hasMore: false, needsAudit: false))
            #expect(try await test.value(of: alice, on: topic) != nil)
            #expect(try await test.store.position(of: topic) == first.cursor)
        }
    }

    @Test func `A sweep after the hold removes presences again`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic)
            try await test.setLease(of: alice, on: topic, at: 1)
            try await test.clock.tick(topic)
            try await test.clock.pretendLastTick(on: topic, ago: 4000)
            #expect(try await test.clock.tick(topic).heldFor > 0)
            #expect(try await test.clock.sweep(topic).isHeld)
            try await test.clock.set("hold", on: topic, try await test.now() - 1)
            #expect(try await test.clock.sweep(topic).removed == 1)
        }
    }
}
