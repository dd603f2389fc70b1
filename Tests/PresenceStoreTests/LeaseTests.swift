// Rollcall · PresenceStoreTests

import PresenceModel
import Redis
import Testing

@testable import PresenceStore

@Suite("heartbeat, renew, release, restore")
struct LeaseTests {
    let topic: Topic
    let alice: Member
    let bob: Member
    let owner = StreamOwner.random()

    init() throws {
        topic = try .sample()
        alice = try Member("alice")
        bob = try Member("bob")
    }

    @Test func `A heartbeat moves the lease by the stored or the given ttl and publishes nothing`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, #"{"x":1}"#, ttl: 20)
            let outcomes = try await test.store.heartbeat([alice, bob].map { HeartbeatItem(member: $0) }, on: topic)
            guard case .renewed(let receipt) = outcomes[0] else { throw StoreError(.corrupt, "\(outcomes)") }
            #expect(outcomes[1] == .absent)
            #expect(receipt.ref == first.ref)
            #expect(receipt.expiresAt == receipt.now + 20_000)
            #expect(receipt.cursor == first.cursor)

            try await test.heartbeat(alice, on: topic, ttl: 200)
            #expect(try await test.value(of: alice, on: topic) == #"\#(first.ref) 200 {"x":1}"#)
            #expect(try await test.store.position(of: topic) == first.cursor)
            #expect(try await test.value(of: bob, on: topic) == nil)
            #expect(try await test.lease(of: bob, on: topic) == nil)
        }
    }

    @Test func `A shorter ttl lowers the bound of the topic, so that the sweep is in time`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic, ttl: 300)
            let outcome = try await test.heartbeat(alice, on: topic, ttl: 5)
            guard case .renewed(let receipt) = outcome else { throw StoreError(.corrupt, "\(outcome)") }
            #expect(try await test.due(topic).map { Int64($0) } == receipt.expiresAt)
        }
    }

    @Test func `A presence that gets a heartbeat in its grace is kept by heartbeats`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, owner: owner)
            try await test.heartbeat(alice, on: topic)
            #expect(try await test.value(of: alice, on: topic) == "\(first.ref) 30,\(owner) {}")
            _ = try await test.store.release([ReleaseItem(member: alice, owner: owner, grace: 1)], on: topic)
            #expect(try await test.value(of: alice, on: topic) == "\(first.ref) 30,- {}")
            try await test.heartbeat(alice, on: topic)
            #expect(try await test.value(of: alice, on: topic) == "\(first.ref) 30 {}")
        }
    }

    @Test func `While a stream holds a presence, heartbeats and PUTs keep its ttl; a later PUT changes it`()
        async throws
    {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, owner: owner)
            guard case .renewed(let receipt) = try await test.heartbeat(alice, on: topic, ttl: 5) else {
                throw StoreError(.corrupt, "no heartbeat")
            }
            let put = try await test.track(alice, on: topic, ttl: 5)
            #expect(receipt.ttl == 30 && put.ttl == 30)
            #expect(try await #require(test.lease(of: alice, on: topic)) >= Int(first.expiresAt))
            #expect(try await test.value(of: alice, on: topic) == "\(first.ref) 30,\(owner) {}")

            _ = try await test.store.release([ReleaseItem(member: alice, owner: owner, grace: 9)], on: topic)
            #expect(try await test.track(alice, on: topic, ttl: 5).ttl == 5)
            #expect(try await test.value(of: alice, on: topic) == "\(first.ref) 5 {}")
        }
    }

    @Test func `If a call names a member twice, the second heartbeat sees the result of the first`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, owner: owner)
            _ = try await test.store.release([ReleaseItem(member: alice, owner: owner, grace: 9)], on: topic)
            let items = [HeartbeatItem(member: alice, ttl: 200), HeartbeatItem(member: alice)]
            let outcomes = try await test.store.heartbeat(items, on: topic)
            guard case .renewed(let receipt) = outcomes[1] else { throw StoreError(.corrupt, "\(outcomes)") }
            #expect(receipt.ttl == 200)
            #expect(try await test.value(of: alice, on: topic) == "\(first.ref) 200 {}")
            #expect(try await test.lease(of: alice, on: topic).map { Int64($0) } == receipt.expiresAt)
        }
    }

    @Test(arguments: [0, 5])
    func `A member that one call names twice is released once and leaves once`(grace: Int) async throws {
        try await withStore { test in
            try await test.track(alice, on: topic, owner: owner)
            let item = ReleaseItem(member: alice, owner: owner, grace: grace)
            try await test.withMessages(on: topic) { log in
                let released = try await test.store.release([item, item], on: topic)
                #expect(released == [true, false])
                #expect(try await log.takeRecords() == (grace == 0 ? ["-c8:\(alice.text)"] : []))
            }
        }
    }

    @Test func `A renewal moves leases, publishes nothing, and gives missing members no lease`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, owner: owner)
            try await test.setLease(of: alice, on: topic, at: 1)
            let failures = try await test.store.renew([(bob, owner), (alice, owner)], on: topic, lease: 30)
            #expect(failures == [FailedLeaseRenewal(member: bob, owner: owner)])
            #expect(try await #require(test.lease(of: alice, on: topic)) >= Int(first.expiresAt))
            #expect(try await test.lease(of: bob, on: topic) == nil)
            #expect(try await test.store.position(of: topic) == first.cursor)
        }
    }

    @Test func `A renewal moves a lease that a clock left in the future to an earlier deadline`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic, owner: owner)
            let now = try await test.now()
            try await test.setLease(of: alice, on: topic, at: now + 90_000)
            #expect(try await test.store.renew([(alice, owner)], on: topic, lease: 30) == [])
            #expect(try await #require(test.lease(of: alice, on: topic)) < now + 60_000)
        }
    }

    @Test func `A stream that never tracked the session, or was released, cannot renew it`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic, owner: .random())
            try await test.track(bob, on: topic, owner: owner)
            _ = try await test.store.release([ReleaseItem(member: bob, owner: owner, grace: 1)], on: topic)
            let leases = (try await test.lease(of: alice, on: topic), try await test.lease(of: bob, on: topic))
            #expect(
                try await test.store.renew([(alice, owner), (bob, owner)], on: topic, lease: 300) == [
                    FailedLeaseRenewal(member: alice, owner: owner),
                    FailedLeaseRenewal(member: bob, owner: owner),
                ])
            #expect(try await test.lease(of: alice, on: topic) == leases.0)
            #expect(try await test.lease(of: bob, on: topic) == leases.1)
        }
    }

    @Test func `A released presence stays for its grace, even if its lease was longer, and leaves as closed`()
        async throws
    {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, ttl: 300, owner: owner)
            #expect(
                try await test.store.release([ReleaseItem(member: alice, owner: owner, grace: 5)], on: topic) == [true])
            let deadline = try #require(try await test.lease(of: alice, on: topic))
            #expect(deadline < Int(first.now) + 60_000)
            #expect(try await test.due(topic) == deadline)
            #expect(try await test.store.position(of: topic) == first.cursor)

            try await test.setLease(of: alice, on: topic, at: 1)
            try await test.withMessages(on: topic) { log in
                try await test.clock.sweep(topic)
                #expect(try await log.takeRecords() == ["-c8:\(alice.text)"])
            }
        }
    }

    @Test func `With grace 0 a released presence leaves at once as closed, with the keys of its topic`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic, owner: owner)
            try await test.withMessages(on: topic) { log in
                _ = try await test.store.release([ReleaseItem(member: alice, owner: owner, grace: 0)], on: topic)
                #expect(try await log.takeRecords() == ["-c8:\(alice.text)"])
            }
            #expect(try await test.allKeys() == [])
        }
    }

    @Test func `The presence of a revoked stream leaves at once as removed, unless another stream holds it`()
        async throws
    {
        try await withStore { test in
            let other = StreamOwner.random()
            try await test.track(alice, on: topic, owner: owner)
            try await test.track(alice, on: topic, owner: other)
            let revoked = ReleaseItem(member: alice, owner: owner, grace: 60, isRemoved: true)
            try await test.withMessages(on: topic) { (log) async throws in
                #expect(try await test.store.release([revoked], on: topic) == [true])
                #expect(try await log.takeRecords() == [])
                let last = ReleaseItem(member: alice, owner: other, grace: 60, isResumable: true, isRemoved: true)
                #expect(try await test.store.release([last], on: topic) == [true])
                #expect(try await log.takeRecords() == ["-r8:\(alice.text)"])
            }
            #expect(try await test.allKeys() == [])
        }
    }

    @Test func `A release by a stream that is no holder, or of an absent member, changes nothing`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic, owner: .random())
            let before = try await test.value(of: alice, on: topic)
            let lease = try await test.lease(of: alice, on: topic)
            let items = [
                ReleaseItem(member: alice, owner: owner, grace: 0), ReleaseItem(member: bob, owner: owner, grace: 0),
            ]
            #expect(try await test.store.release(items, on: topic) == [false, false])
            #expect(try await test.value(of: alice, on: topic) == before)
            #expect(try await test.lease(of: alice, on: topic) == lease)
        }
    }

    @Test func `A restore writes a lost presence with its ref, and only moves the lease of a present one`()
        async throws
    {
        try await withStore { test in
            let known = try await test.track(bob, on: topic, #"{"new":1}"#, owner: owner)
            try await test.setLease(of: bob, on: topic, at: 1)
            let ref = Ref.random()
            let stored = StoredPresence(presence: Presence(ref: ref, meta: .empty), ttl: 30, owner: .stream(owner))
            try await test.withMessages(on: topic) { log in
                let outcomes = try await test.store.restore([(alice, stored), (bob, stored)], on: topic)
                #expect(outcomes[0] == .restored)
                guard case .kept(let there) = outcomes[1] else { throw StoreError(.corrupt, "\(outcomes)") }
                #expect(there.presence.ref == known.ref)
                #expect(there.presence.meta.text == #"{"new":1}"#)
                let value = "\(ref) 30,\(owner) {}"
                #expect(try await log.takeRecords() == ["+8:\(value.utf8.count):\(alice.text)\(value)"])
            }
            #expect(try await #require(test.lease(of: bob, on: topic)) >= Int(known.expiresAt))

            let again = try await test.store.restore([(alice, stored)], on: topic)
            #expect(again == [.kept(stored)])
            #expect(try await test.store.position(of: topic).seq == 2)
        }
    }

    @Test func `A restore for heartbeats writes only lost presences, for one ttl, and no untracked ones`()
        async throws
    {
        try await withStore { test in
            let stored = StoredPresence(presence: Presence(ref: .random(), meta: .empty), ttl: 30)
            #expect(try await test.store.restore([(alice, stored)], on: topic) == [.restored])
            let lease = try #require(try await test.lease(of: alice, on: topic)) - (try await test.now())
            #expect(lease > 0 && lease <= 30_000)

            let longer = try await test.track(bob, on: topic, ttl: 300)
            guard case .kept(let there) = try await test.store.restore([(bob, stored)], on: topic)[0] else {
                throw StoreError(.corrupt, "not kept")
            }
            #expect(there.presence.ref == longer.ref)
            #expect(try await test.lease(of: bob, on: topic).map { Int64($0) } == longer.expiresAt)

            try await test.untrack(alice, on: topic)
            #expect(try await test.store.restore([(alice, stored)], on: topic) == [.untracked])
            // Also a presence that Redis lost before the untrack.
            try await test.lose(topic)
            try await test.redis("DEL", test.keys(topic).untracked)
            try await test.untrack(bob, on: topic)
            #expect(try await test.store.restore([(bob, stored)], on: topic) == [.untracked])
            let memory = try await test.redis("PTTL", .string(test.store.keys.prefix + test.untrackedKey(topic))).int
            #expect((1...20_000).contains(memory ?? 0))
            let carol = try Member("carol", "tab")
            #expect(try await test.store.untrack(key: carol.key, on: topic) == 0)
            #expect(try await test.store.restore([(carol, stored)], on: topic) == [.untracked])
            let other = try Member("caro")
            #expect(try await test.store.restore([(other, stored)], on: topic) == [.restored])
        }
    }

    @Test func `An untracked presence is not restored for its stream, nor taken from a later owner`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic, owner: owner)
            try await test.untrack(alice, on: topic)
            let stored = StoredPresence(
                presence: Presence(ref: .random(), meta: .empty), ttl: 30, owner: .stream(owner))
            #expect(try await test.store.restore([(alice, stored)], on: topic) == [.untracked])
            #expect(try await test.allKeys() == [test.untrackedKey(topic)])

            let later = try await test.track(alice, on: topic)
            #expect(try await test.store.restore([(alice, stored)], on: topic) == [.untracked])
            #expect(try await test.value(of: alice, on: topic) == "\(later.ref) 30 {}")

            try await test.lose(topic)
            let other = StoredPresence(presence: stored.presence, ttl: 30, owner: .stream(.random()))
            #expect(try await test.store.restore([(alice, other)], on: topic) == [.restored])
        }
    }

    @Test func `A presence that its stream tracks again after an untrack is restored`() async throws {
        try await withStore { test in
            for _ in 1...2 {
                try await test.track(alice, on: topic, owner: owner)
                try await test.untrack(alice, on: topic)
            }
            try await test.track(alice, on: topic, owner: owner)
            try await test.lose(topic)
            let stored = StoredPresence(
                presence: Presence(ref: .random(), meta: .empty), ttl: 30, owner: .stream(owner))
            #expect(try await test.store.restore([(alice, stored)], on: topic) == [.restored])
        }
    }

    @Test func `A member that two streams restore in one call has the value of the first, and both as holders`()
        async throws
    {
        try await withStore { test in
            let items = [StreamOwner.random(), .random()].map { owner in
                let presence = Presence(ref: .random(), meta: .empty)
                return (member: alice, stored: StoredPresence(presence: presence, ttl: 30, owner: .stream(owner)))
            }
            let outcomes = try await test.store.restore(items, on: topic)
            var shared = items[0].stored
            shared.owner = .shared
            #expect(outcomes == [.restored, .kept(shared)])
            #expect(try await test.store.position(of: topic).seq == 1)
            #expect(try await test.holders(of: alice, on: topic).count == 2)
        }
    }

    @Test func `A restore takes a presence without a stream, and joins the holders of one with a stream`()
        async throws
    {
        try await withStore { test in
            let newer = StreamOwner.random()
            let theirs = try await test.track(alice, on: topic, owner: newer)
            let lost = try await test.track(bob, on: topic)
            try await test.setLease(of: alice, on: topic, at: 7)
            let stored = StoredPresence(
                presence: Presence(ref: .random(), meta: .empty), ttl: 30, owner: .stream(owner))
            let outcomes = try await test.store.restore([(alice, stored), (bob, stored)], on: topic)
            guard case .kept(let there) = outcomes[0], case .kept = outcomes[1] else {
                throw StoreError(.corrupt, "\(outcomes)")
            }
            #expect(there.owner == .shared && there.presence.ref == theirs.ref)
            #expect(try await test.lease(of: alice, on: topic) ?? 0 > 7)
            #expect(try await Set(test.holders(of: alice, on: topic).keys) == [owner.text, newer.text])
            #expect(try await test.value(of: bob, on: topic) == "\(lost.ref) 30,\(owner) {}")
        }
    }
}
