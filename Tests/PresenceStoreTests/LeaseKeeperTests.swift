// Rollcall · PresenceStoreTests

import Logging
import NIOPosix
import PresenceModel
import Redis
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import PresenceStore

@Suite("The lease keeper")
struct LeaseKeeperTests {
    let topic: Topic
    let alice: Member
    let owner = StreamOwner.random()

    init() throws {
        topic = try .sample()
        alice = try Member("alice")
    }

    /// Tracks for a stream and binds, as the server does.
    @discardableResult
    func open(
        _ member: Member, in keeper: LeaseKeeper, of test: StoreUnderTest, owner: StreamOwner? = nil
    ) async throws -> Receipt {
        let receipt = try await test.track(member, on: topic, owner: owner ?? self.owner)
        let presence = Presence(ref: receipt.ref, previous: receipt.previous, meta: .empty)
        keeper.bind(member, on: topic, owner: owner ?? self.owner, ttl: receipt.ttl, presence: presence) {}
        return receipt
    }

    @Test func `A bound presence is renewed within a third of its ttl`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            let receipt = try await open(alice, in: keeper, of: test)
            try await test.setLease(of: alice, on: topic, at: 1)
            for tick in 1...10 { await keeper.renewDue(tick: tick) }
            #expect(try await #require(test.lease(of: alice, on: topic)) >= Int(receipt.expiresAt))
            #expect(try await test.store.position(of: topic) == receipt.cursor)
        }
    }

    @Test func `A lost presence is restored one tick after it was missed, with its newest meta and ref`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            try await open(alice, in: keeper, of: test)
            let newest = try await test.track(alice, on: topic, #"{"away":true}"#)
            let meta = try Meta(#"{"away":true}"#)
            keeper.refresh(
                alice, on: topic, presence: Presence(ref: newest.ref, previous: newest.previous, meta: meta))
            let value = try await test.value(of: alice, on: topic)

            try await test.lose(topic)
            await keeper.renewDue(tick: 10)
            #expect(try await test.value(of: alice, on: topic) == nil)
            await keeper.renewDue(tick: 11)
            #expect(try await test.value(of: alice, on: topic) == value)
        }
    }

    @Test func `An untracked presence is not restored if its binding is dropped in time`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            try await open(alice, in: keeper, of: test)
            try await test.untrack(alice, on: topic)
            await keeper.renewDue(tick: 10)
            keeper.drop(alice, on: topic, owner: owner)
            for tick in 11...30 { await keeper.renewDue(tick: tick) }
            #expect(keeper.count == 0)
            #expect(try await test.value(of: alice, on: topic) == nil)
        }
    }

    @Test func `An untracked presence is not restored without a message, and its stream is notified once`()
        async throws
    {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            let notified = Mutex(0)
            let receipt = try await test.track(alice, on: topic, owner: owner)
            let presence = Presence(ref: receipt.ref, previous: nil, meta: .empty)
            keeper.bind(alice, on: topic, owner: owner, ttl: receipt.ttl, presence: presence) {
                notified.withLock { $0 += 1 }
            }
            try await test.untrack(alice, on: topic)
            for tick in 10...30 { await keeper.renewDue(tick: tick) }
            #expect(try await test.value(of: alice, on: topic) == nil)
            #expect(notified.withLock { $0 } == 1)
            #expect(keeper.count == 0)
        }
    }

    @Test func `A new connection restores no presence that was untracked while the old one was lost`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            try await open(alice, in: keeper, of: test)
            try await test.untrack(alice, on: topic)
            await keeper.recoverAll(within: .milliseconds(20))
            #expect(try await test.value(of: alice, on: topic) == nil)
            #expect(keeper.count == 0)
        }
    }

    @Test func `The keeper keeps no reference to a stream after its presence is unbound`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            weak var stream: AnyObject?
            do {
                let held = FailureEdgeLogger(work: "A stream", logger: .quiet)
                stream = held
                let presence = Presence(ref: .random(), meta: .empty)
                keeper.bind(alice, on: topic, owner: owner, ttl: 30, presence: presence) { _ = held }
            }
            #expect(stream != nil)
            keeper.unbind(alice, on: topic, owner: owner, grace: 5)
            #expect(stream == nil)
        }
    }

    @Test func `A new connection restores at once presences that are lost or lost their owner`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            let members = try (0..<700).map { try Member("\($0)") }
            for member in members { try await open(member, in: keeper, of: test) }
            let before = try await test.store.snapshot(of: topic)
            // A failover lost writes: most presences are gone, and one is as REST tracked it before the stream.
            try await test.lose(topic)
            try await test.track(members[0], on: topic)

            await keeper.recoverAll(within: .milliseconds(20))
            let after = try await test.store.snapshot(of: topic)
            #expect(after.presences.count == 700)
            let refs = Dictionary(uniqueKeysWithValues: before.presences.map { ($0.member, $0.stored.presence.ref) })
            #expect(after.presences.allSatisfy { $0.stored.owner == .stream(owner) })
            #expect(after.presences.count { refs[$0.member] == $0.stored.presence.ref } == 699)
        }
    }

    @Test func `Both streams of a session renew it, in any order of track and bind`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            let newer = StreamOwner.random()
            let older = try await test.track(alice, on: topic, owner: owner)
            let receipt = try await test.track(alice, on: topic, owner: newer)
            let presence = Presence(ref: older.ref, previous: older.previous, meta: .empty)
            for owner in [newer, owner] {
                keeper.bind(alice, on: topic, owner: owner, ttl: receipt.ttl, presence: presence) {}
            }
            for round in 1...2 {
                try await test.setLease(of: alice, on: topic, at: 1)
                await keeper.renewDue(tick: round * 10)
                #expect(try await #require(test.lease(of: alice, on: topic)) >= Int(receipt.expiresAt))
                #expect(keeper.count == 2)
            }
        }
    }

    @Test func `A lost session of two streams is restored once, and both hold it again`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            try await open(alice, in: keeper, of: test)
            try await open(alice, in: keeper, of: test, owner: .random())
            try await test.lose(topic)
            try await test.withMessages(on: topic) { log in
                await keeper.recoverAll(within: .milliseconds(20))
                await keeper.recoverAll(within: .milliseconds(20))
                let messages = try await log.take()
                #expect(messages.count == 1)
            }
            #expect(keeper.count == 2)
            #expect(try await test.holders(of: alice, on: topic).count == 2)
            try await test.setLease(of: alice, on: topic, at: 1)
            await keeper.renewDue(tick: 10)
            #expect(try await #require(test.lease(of: alice, on: topic)) > 1)
        }
    }

    @Test func `A stream takes back a presence that lost its owner, in recovery or later`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            // A failover lost writes: the presence is as REST tracked it before the stream.
            let receipt = try await test.track(alice, on: topic)
            let presence = Presence(ref: receipt.ref, previous: nil, meta: .empty)
            keeper.bind(alice, on: topic, owner: owner, ttl: receipt.ttl, presence: presence) {}
            keeper.recover()
            await keeper.renewDue(tick: 10)
            await keeper.renewDue(tick: 11)
            #expect(try await test.value(of: alice, on: topic) == "\(receipt.ref) 30,\(owner) {}")

            await keeper.recoverAll(within: .zero)
            try await test.lose(topic)
            try await test.track(alice, on: topic)
            await keeper.renewDue(tick: 21)
            await keeper.renewDue(tick: 22)
            #expect(try await test.value(of: alice, on: topic)?.hasSuffix(" 30,\(owner) {}") == true)
        }
    }

    @Test func `An open stream that Redis no longer lists becomes a holder again`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            try await open(alice, in: keeper, of: test)
            let newer = StreamOwner.random()
            try await test.track(alice, on: topic, owner: newer)
            try await test.setHolders(of: alice, on: topic, [(newer, try await test.now() + 30_000)])
            await keeper.renewDue(tick: 10)
            await keeper.renewDue(tick: 11)
            #expect(keeper.count == 1)
            #expect(try await Set(test.holders(of: alice, on: topic).keys) == [owner.text, newer.text])
        }
    }

    @Test(arguments: [(300, 30), (30, 300)])
    func `A stream that becomes a holder again beside a newer stream renews by the stored ttl`(
        own: Int, stored: Int
    ) async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            try await test.track(alice, on: topic, ttl: own)
            try await open(alice, in: keeper, of: test)
            try await test.lose(topic)
            try await test.track(alice, on: topic, ttl: stored)
            let newer = StreamOwner.random()
            try await test.track(alice, on: topic, owner: newer)
            let time = try await test.now()
            await keeper.recoverAll(within: .milliseconds(20))
            #expect(keeper.count == 1 && keeper.state.withLock { $0.book.all().map(\.lease) } == [stored])
            // A renewal of one stream leaves enough time until the next renewal of the other.
            #expect(try await #require(test.lease(of: alice, on: topic)) > time + stored * 900)
            let holders = try await test.holders(of: alice, on: topic)
            #expect(holders.count == 2 && holders.values.allSatisfy { $0 > time + stored * 900 })
        }
    }

    @Test func `An open stream takes back a session that is in its grace or that left as closed`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            let receipt = try await open(alice, in: keeper, of: test)
            _ = try await test.store.release([ReleaseItem(member: alice, owner: owner, grace: 5)], on: topic)
            await keeper.renewDue(tick: 10)
            await keeper.renewDue(tick: 11)
            #expect(try await test.value(of: alice, on: topic) == "\(receipt.ref) 30,\(owner) {}")

            _ = try await test.store.release([ReleaseItem(member: alice, owner: owner, grace: 0)], on: topic)
            keeper.bringBack(alice, on: topic, owner: owner)
            await keeper.renewDue(tick: 12)
            #expect(try await test.value(of: alice, on: topic) == "\(receipt.ref) 30,\(owner) {}")
        }
    }

    @Test func `A delete ends a session for all its streams on all nodes`() async throws {
        try await withStore { test in
            let keepers = (0..<2).map { _ in LeaseKeeper(store: test.store, logger: .quiet) }
            let ends = Mutex<[StreamOwner]>([])
            let owners = [owner, .random(), .random()]
            for (number, owner) in owners.enumerated() {
                let receipt = try await test.track(alice, on: topic, owner: owner)
                let presence = Presence(ref: receipt.ref, previous: nil, meta: .empty)
                keepers[number % 2].bind(alice, on: topic, owner: owner, ttl: 30, presence: presence) {
                    ends.withLock { $0.append(owner) }
                }
            }
            try await test.untrack(alice, on: topic)
            for tick in 10...30 { for keeper in keepers { await keeper.renewDue(tick: tick) } }
            #expect(ends.withLock { Set($0) == Set(owners) && $0.count == 3 })
            #expect(try await test.value(of: alice, on: topic) == nil)
            #expect(keepers.map(\.count) == [0, 0])
        }
    }

    @Test func `A node with a new connection ends no presence at once, as others may still restore it`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            try await open(alice, in: keeper, of: test)
            keeper.recover()
            keeper.unbind(alice, on: topic, owner: owner, grace: 0)
            await keeper.releaseEnded()
            #expect(try await test.value(of: alice, on: topic)?.contains(" 30,- ") == true)
            #expect(try await #require(test.lease(of: alice, on: topic)) > (try await test.now()))
        }
    }

    @Test func `A track that waits for releases of its key finds the grace running`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            for round in 0..<20 {
                let owner = StreamOwner.random()
                try await open(alice, in: keeper, of: test, owner: owner)
                keeper.unbind(alice, on: topic, owner: owner, grace: 5, isResumable: true)
                // Another task may send the release meanwhile.
                let sending = round % 2 == 0 ? Task { await keeper.releaseEnded() } : nil
                try await keeper.finishReleases(of: alice.key, on: topic)
                #expect(try await test.value(of: alice, on: topic)?.contains(" 30,- ") == true)
                await sending?.value
            }
        }
    }

    @Test func `A track that waits for releases of its key sends no others, and none without a connection`()
        async throws
    {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            let bob = try Member("bob")
            for member in [alice, bob] {
                try await open(member, in: keeper, of: test)
                keeper.unbind(member, on: topic, owner: owner, grace: 5, isResumable: true)
            }
            try await keeper.finishReleases(of: alice.key, on: topic)
            #expect(try await test.value(of: alice, on: topic)?.contains(" 30,- ") == true)
            #expect(try await test.value(of: bob, on: topic)?.contains(" 30,\(owner) ") == true)
            #expect(keeper.state.withLock { $0.releases.count } == 1)
        }
        // This pool never runs, so it has no connection.
        let pool = RedisPool(
            url: try RedisURL("redis://127.0.0.1:1"), options: RedisOptions(),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: .quiet)
        let keeper = LeaseKeeper(store: PresenceStore(pool: pool), logger: .quiet)
        keeper.unbind(alice, on: topic, owner: owner, grace: 5, isResumable: true)
        let error = await #expect(throws: StoreError.self) {
            try await keeper.finishReleases(of: alice.key, on: topic)
        }
        #expect(error?.isTransient == true)
        // A release that had failed would have noted this.
        #expect(keeper.state.withLock { $0.releases.count == 1 && $0.unsettledUntil == nil })
    }

    @Test func `The grace of a presence begins when its last stream ends`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            let (bob, newer) = (try Member("bob"), StreamOwner.random())
            let receipt = try await open(alice, in: keeper, of: test)
            try await open(bob, in: keeper, of: test)
            try await open(bob, in: keeper, of: test, owner: newer)
            keeper.unbind(alice, on: topic, owner: owner, grace: 5)
            keeper.unbind(bob, on: topic, owner: owner, grace: 0)
            await keeper.releaseEnded()
            #expect(try await test.value(of: alice, on: topic) == "\(receipt.ref) 30,- {}")
            #expect(try await test.value(of: bob, on: topic)?.contains(",\(newer) ") == true)
            #expect(keeper.count == 1)
        }
    }

    @Test func `A release that failed is sent again when Redis works again`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            try await open(alice, in: keeper, of: test)
            keeper.unbind(alice, on: topic, owner: owner, grace: 0)
            // The release fails, because a key has another type.
            let position = test.keys(topic).position
            let aside = RedisArgument.string(test.store.keys.prefix + "aside")
            try await test.redis("RENAME", position, aside)
            try await test.redis("SET", position, "strange")
            await keeper.releaseEnded()
            #expect(try await test.value(of: alice, on: topic) != nil)
            try await test.redis("RENAME", aside, position)
            await keeper.releaseEnded()
            #expect(try await test.value(of: alice, on: topic) == nil)
        }
    }

    @Test func `At shutdown the keeper sends the releases that wait, then ends promptly`() async throws {
        try await withStore { test in
            let keeper = LeaseKeeper(store: test.store, logger: .quiet)
            for number in 0..<1200 { try await open(try Member("\(number)"), in: keeper, of: test) }
            let group = ServiceGroup(services: [keeper], logger: .quiet)
            let running = Task { try await group.run() }
            for number in 0..<1200 { keeper.unbind(try Member("\(number)"), on: topic, owner: owner, grace: 0) }
            let start = ContinuousClock.now
            await group.triggerGracefulShutdown()
            try await running.value
            #expect(ContinuousClock.now - start < giveUpTime * patience)
            #expect(try await test.allKeys() == [])
        }
    }
}
