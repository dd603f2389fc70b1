// Rollcall · PresenceStoreTests

import LocalServices
import PresenceModel
import Redis
import ServiceLifecycle
import TestSupport
import Testing

@testable import PresenceStore

@Suite("A Redis that stalls")
struct StallTests {
    /// A keeper and a sweeper with shorter times than the real ones, in the same proportions.
    @Test func `A stall longer than every lease removes no presence, and unbound ones leave afterwards`() async throws {
        try await withLocalRedis { redis in
            try await withStore(url: redis.socketURL, limits: Limits(ttl: 1...30, defaultTTL: 6), isPatient: false) {
                test in
                var policy = SweepPolicy(limits: test.store.limits)
                policy.gap = .milliseconds(600)
                policy.leastHold = .seconds(4)
                policy.interval = .milliseconds(200)
                policy.backupInterval = .milliseconds(500)
                let keeper = LeaseKeeper(store: test.store, logger: .quiet)
                let sweeper = Sweeper(store: test.store, node: "one", policy: policy, logger: .quiet)
                let group = ServiceGroup(services: [keeper, sweeper], logger: .quiet)
                let running = Task { try await group.run() }

                let topic = try Topic.sample()
                let owner = StreamOwner.random()
                let members = try (0..<200).map { try Member("\($0)") }
                for member in members {
                    let receipt = try await test.track(member, on: topic, owner: owner)
                    let presence = Presence(ref: receipt.ref, meta: .empty)
                    keeper.bind(member, on: topic, owner: owner, ttl: receipt.ttl, presence: presence) {}
                }
                let before = try await test.store.position(of: topic)
                try await eventually("a tick") { try await test.redis("EXISTS", test.keys(topic).clock).int == 1 }

                redis.pause()
                try await Task.sleep(for: .seconds(8))  // because the stall itself is what is tested
                redis.resume()
                try await eventually("a renewal of all") {
                    let now = (try? await test.now()) ?? .max
                    let overdue = try? await test.redis("ZCOUNT", test.keys(topic).leases, "-inf", .integer(now))
                    return overdue?.int == 0
                }
                // Waits until the sweeper has ticked the bucket once more, held or not.
                let last = try await test.redis("HGET", test.keys(topic).clock, "last").int ?? 0
                try await eventually("another tick") {
                    try await test.redis("HGET", test.keys(topic).clock, "last").int ?? 0 > last
                }
                #expect(try await test.store.position(of: topic) == before)

                let gone = members[7]
                keeper.drop(gone, on: topic, owner: owner)
                try await eventually("the leave of one") {
                    try await test.value(of: gone, on: topic) == nil
                }
                let after = try await test.store.snapshot(of: topic)
                #expect(after.presences.count == 199)
                #expect(after.cursor == Cursor(epoch: before.epoch, seq: before.seq + 1))
                await group.triggerGracefulShutdown()
                try await running.value
            }
        }
    }
}
