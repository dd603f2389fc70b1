// Rollcall · PresenceStoreTests

import PresenceModel
import Redis
import Testing

@testable import PresenceStore

@Suite("sweep and audit")
struct SweepTests {
    let topic: Topic
    let alice: Member
    let bob: Member

    init() throws {
        topic = try .sample()
        alice = try Member("alice")
        bob = try Member("bob")
    }

    @Test func `Presences with ended leases leave in one message, and the bound moves to the next lease`() async throws
    {
        try await withStore { test in
            for name in ["a", "b", "c"] { try await test.track(try Member(name), on: topic) }
            let left = try await test.track(alice, on: topic, ttl: 100)
            for name in ["a", "b", "c"] { try await test.setLease(of: try Member(name), on: topic, at: 1) }
            try await test.withMessages(on: topic) { log in
                let sweep = try await test.clock.sweep(topic)
                #expect(sweep == Sweep(isHeld: false, removed: 3, hasMore: false, needsAudit: false))
                #expect(try await log.takeRecords() == ["-x4:a\u{1f}s1-x4:b\u{1f}s1-x4:c\u{1f}s1"])
            }
            #expect(try await test.store.snapshot(of: topic).presences.map(\.member) == [alice])
            #expect(try await test.due(topic).map { Int64($0) } == left.expiresAt)
            #expect(try await test.clock.tick(topic).topics == [])
        }
    }

    @Test func `A sweep of a topic that is not due yet publishes nothing and corrects the bound`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic)
            try await test.clock.begin(topic)
            try await test.redis("ZADD", test.keys(topic).due, 1, test.keys(topic).topic)
            #expect(try await test.clock.tick(topic).topics == [topic])
            #expect(try await test.clock.sweep(topic) == .nothing)
            #expect(try await test.due(topic).map { Int64($0) } == first.expiresAt)
            #expect(try await test.store.position(of: topic) == first.cursor)
        }
    }

    @Test func `A renewal that comes after the deadline but before the sweep is in time`() async throws {
        try await withStore { test in
            let owner = StreamOwner.random()
            let first = try await test.track(alice, on: topic, owner: owner)
            try await test.setLease(of: alice, on: topic, at: 1)
            #expect(try await test.store.snapshot(of: topic).presences.count == 1)
            #expect(try await test.store.renew([(alice, owner)], on: topic, lease: 30) == [])
            #expect(try await test.clock.sweep(topic) == .nothing)
            #expect(try await test.store.position(of: topic) == first.cursor)
        }
    }

    @Test func `A sweep removes at most 1000 members, and the next one removes the rest`() async throws {
        try await withStore { test in
            let members = try (0..<1500).map { try Member("key \($0)") }
            _ = try await test.store.track(members.map { TrackItem(member: $0) }, on: topic, mode: .put)
            for member in members { try await test.redis("ZADD", test.keys(topic).leases, 1, .bytes(member.bytes)) }
            try await test.redis("ZADD", test.keys(topic).due, 1, test.keys(topic).topic)
            let sweep = try await test.clock.sweep(topic)
            #expect(sweep.removed == 1000)
            #expect(sweep.hasMore)
            #expect(try await test.clock.tick(topic).topics == [topic])
            let rest = try await test.clock.sweep(topic)
            #expect(rest.removed == 500)
            #expect(!rest.hasMore)
        }
    }

    @Test func `A sweep of the last member leaves no key but the clock of the bucket`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic)
            try await test.setLease(of: alice, on: topic, at: 1)
            try await test.clock.sweep(topic)
            #expect(try await test.allKeys() == ["{\(StoreKeys.bucket(of: topic))}:clk"])
        }
    }

    @Test func `A deadline beyond any lease becomes the longest ttl, even if nothing else is due`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic)
            let now = try await test.now()
            let absurd = RedisArgument.integer(now + 864_000_000)
            try await test.redis("ZADD", test.keys(topic).leases, absurd, .bytes(alice.bytes))
            try await test.redis("ZADD", test.keys(topic).due, absurd, test.keys(topic).topic)
            #expect(try await test.clock.tick(topic).topics == [topic])
            #expect(try await test.clock.sweep(topic) == .nothing)
            let lease = try #require(try await test.lease(of: alice, on: topic))
            #expect(lease >= now + 300_000 && lease < now + 310_000)
            #expect(try await test.due(topic) == lease)
            #expect(try await test.clock.tick(topic).topics == [])
        }
    }

    @Test func `A tick lists at most 10 topics with absurd deadlines beside those that are due`() async throws {
        try await withStore { test in
            let bucket = StoreKeys.bucket(of: topic)
            let absurd = try (0..<10_000).map { try Topic("\($0)") }.filter { StoreKeys.bucket(of: $0) == bucket }
                .prefix(12)
            try await test.track(alice, on: topic)
            try await test.setLease(of: alice, on: topic, at: 1)
            for topic in absurd {
                try await test.redis("ZADD", test.keys(topic).due, 9_999_999_999_999, test.keys(topic).topic)
            }
            let listed = try await test.clock.tick(topic).topics
            #expect(listed.contains(topic))
            #expect(Set(listed).intersection(absurd).count == 10)
        }
    }

    @Test func `A topic that lost its leases gets new ones from an audit, and its members leave in time`() async throws
    {
        try await withStore { test in
            let first = try await test.track(alice, on: topic)
            try await test.track(bob, on: topic)
            try await test.redis("DEL", test.keys(topic).leases)
            try await test.redis("ZADD", test.keys(topic).due, 1, test.keys(topic).topic)
            #expect(try await test.clock.sweep(topic).needsAudit)
            #expect(try await test.store.audit(topic) == Audit(given: 2))
            #expect(try await #require(test.lease(of: alice, on: topic)) >= Int(first.expiresAt))
            #expect(try await test.store.position(of: topic).seq == 2)

            for member in [alice, bob] { try await test.setLease(of: member, on: topic, at: 1) }
            #expect(try await test.clock.sweep(topic).removed == 2)
        }
    }

    @Test func `An audit drops leases without members and publishes them as evicted`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic)
            try await test.redis("DEL", test.keys(topic).members)
            try await test.track(bob, on: topic)
            try await test.withMessages(on: topic) { log in
                let audit = try await test.store.audit(topic)
                #expect(audit == Audit(dropped: 1))
                #expect(try await log.takeRecords() == ["-e8:\(alice.text)"])
            }
            #expect(try await test.lease(of: alice, on: topic) == nil)
            #expect(try await test.store.audit(topic) == Audit())
        }
    }

    @Test func `A topic that lost all its members leaves no key behind`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic)
            try await test.redis("DEL", test.keys(topic).members)
            try await test.withMessages(on: topic) { log in
                let audit = try await test.store.audit(topic)
                #expect(audit == Audit(dropped: 1))
                #expect(try await log.takeRecords() == ["-e8:\(alice.text)"])
            }
            #expect(try await test.allKeys() == [])
        }
    }

    @Test func `A sweep removes an ended lease without a member as evicted`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic)
            try await test.redis("DEL", test.keys(topic).members)
            try await test.setLease(of: alice, on: topic, at: 1)
            try await test.withMessages(on: topic) { log in
                try await test.clock.sweep(topic)
                #expect(try await log.takeRecords() == ["-e8:\(alice.text)"])
            }
        }
    }

    @Test func `A topic that lost its position gets a new one from the audit`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic)
            try await test.redis("DEL", test.keys(topic).position)
            #expect(try await test.store.position(of: topic) == .empty)
            #expect(try await test.store.audit(topic) == Audit())
            let position = try await test.store.position(of: topic)
            #expect(position != .empty && position.epoch != first.cursor.epoch)
        }
    }

    @Test func `An audit repairs a large topic page by page`() async throws {
        try await withStore { test in
            let members = try (0..<1700).map { try Member("key \($0)") }
            _ = try await test.store.track(members.map { TrackItem(member: $0) }, on: topic, mode: .put)
            try await test.redis("DEL", test.keys(topic).leases)
            #expect(try await test.store.audit(topic).given == 1700)
            #expect(try await test.redis("ZCARD", test.keys(topic).leases).int == 1700)
        }
    }
}

extension Sweep {
    /// A sweep outside a hold that found no lease that is over.
    static let nothing = Sweep(isHeld: false, removed: 0, hasMore: false, needsAudit: false)
}
