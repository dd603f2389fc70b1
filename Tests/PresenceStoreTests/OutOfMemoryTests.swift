// Rollcall · PresenceStoreTests

import LocalServices
import PresenceModel
import Redis
import TestSupport
import Testing

@testable import PresenceStore

@Suite("A full Redis")
struct OutOfMemoryTests {
    @Test
    func `A full Redis refuses tracks, updates and new tickets; renewals, reads, releases, sweeps and untracks work`()
        async throws
    {
        try await withLocalRedis { redis in
            try await withStore(url: redis.socketURL) { test in
                let topic = try Topic.sample()
                let owner = StreamOwner.random()
                let bound = try Member("bound")
                let other = try Member("other")
                let gone = try Member("gone")
                try await test.track(gone, on: topic, owner: owner)
                try await test.track(bound, on: topic, owner: owner)
                try await test.track(other, on: topic)
                for member in [bound, other] { try await test.setLease(of: member, on: topic, at: 1) }
                try await test.clock.tick(topic)
                let use = TicketUse(name: "ticket", tag: "first")
                _ = try await test.store.issueTicket(use.name, Array("record".utf8))
                try await test.redis("CONFIG", "SET", "maxmemory", "1")

                #expect(try await test.untrack(gone, on: topic) == .removed)
                #expect(try await test.redis("ZCARD", test.keys(topic).untracked).int == 2)

                for mode in [TrackMode.create, .put] {
                    let error = await #expect(throws: StoreError.self) {
                        try await test.store.track([TrackItem(member: try Member("new"))], on: topic, mode: mode)
                    }
                    #expect(error?.code == .outOfMemory)
                }
                let error = await #expect(throws: StoreError.self) {
                    try await test.store.update([UpdateItem(member: other, change: .replace(.empty))], on: topic)
                }
                #expect(error?.code == .outOfMemory)

                let refusal = await #expect(throws: StoreError.self) {
                    try await test.store.issueTicket("another", Array("record".utf8))
                }
                #expect(refusal?.code == .outOfMemory)
                #expect(try await test.store.redeemTicket(use, lastTag: nil) == .done)
                #expect(try await test.store.extendTickets([use]) == [.success(.done)])

                let revocation = (id: "AAAAAAAAAAAAAAAA", record: Array("record".utf8))
                #expect(try await test.store.keepRevocations([revocation]))
                #expect(try await test.store.revocations(unless: nil)?.records.count == 1)
                try await test.store.liftRevocation(revocation.id)
                try await test.store.dropRevocations([revocation.id])

                #expect(try await test.store.renew([(bound, owner)], on: topic, lease: 30) == [])
                guard case .renewed = try await test.heartbeat(other, on: topic, ttl: 40) else {
                    throw StoreError(.corrupt, "no heartbeat")
                }
                #expect(try await test.store.snapshot(of: topic).presences.count == 2)
                #expect(try await test.store.snapshot(of: topic).cursor.seq == 4)
                #expect(try await test.store.entry(of: other.key, on: topic).presences.map(\.member) == [other])
                #expect(try await test.store.counts(of: topic).counts.presences == 2)
                #expect(try await test.store.topics(limit: 10).map(\.topic) == [topic])
                #expect(try await test.clock.sweep(topic) == .nothing)
                #expect(try await test.store.enlist("node", policy: SweepPolicy()).nodes == ["node"])
                #expect(try await test.store.audit(topic) == Audit())

                let released = ReleaseItem(member: bound, owner: owner, grace: 5)
                #expect(try await test.store.release([released], on: topic) == [true])
                // The test's own commands need memory as well.
                try await test.redis("CONFIG", "SET", "maxmemory", "0")
                try await test.setLease(of: bound, on: topic, at: 1)
                try await test.redis("CONFIG", "SET", "maxmemory", "1")
                #expect(try await test.clock.sweep(topic).removed == 1)
                #expect(try await test.untrack(other, on: topic) == .removed)
            }
        }
    }

    @Test func `The constants of the deployment can be checked on a full Redis`() async throws {
        try await withLocalRedis { redis in
            try await withStore(url: redis.socketURL) { test in
                try await test.store.prepare()
                try await test.redis("CONFIG", "SET", "maxmemory", "1")
                try await test.store.prepare()
                try await test.redis("CONFIG", "SET", "maxmemory", "0")
                try await test.redis("HSET", .string(test.store.keys.configuration), "buckets", "64")
                try await test.redis("CONFIG", "SET", "maxmemory", "1")
                let error = await #expect(throws: StoreError.self) { try await test.store.prepare() }
                #expect(error?.code == .misconfigured)
            }
        }
    }
}
