// Rollcall · PresenceStoreTests

import PresenceModel
import Redis
import TestSupport
import Testing

@testable import PresenceStore

@Suite("A session on several streams")
struct SharedSessionTests {
    let topic: Topic
    let alice: Member
    let owners = (0..<3).map { _ in StreamOwner.random() }

    init() throws {
        topic = try .sample()
        alice = try Member("alice")
    }

    static let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]

    private func release(_ owner: StreamOwner, grace: Int, of test: StoreUnderTest) async throws -> Bool {
        try await test.store.release([ReleaseItem(member: alice, owner: owner, grace: grace)], on: topic)[0]
    }

    private func stored(_ owner: StreamOwner, ref: Ref = .random()) -> StoredPresence {
        StoredPresence(presence: Presence(ref: ref, meta: .empty), ttl: 30, owner: .stream(owner))
    }

    @Test(arguments: orders, [0, 5])
    func `A session stays until the last of its three streams ends, in any order`(
        order: [Int], grace: Int
    ) async throws {
        try await withStore { test in
            var ref: Ref?
            for owner in owners { ref = try await test.track(alice, on: topic, owner: owner).ref }
            let first = try #require(ref)
            #expect(try await test.value(of: alice, on: topic) == "\(first) 30,_shared_ {}")
            try await test.withMessages(on: topic) { log in
                for index in order.dropLast() {
                    #expect(try await release(owners[index], grace: grace, of: test))
                    #expect(try await test.lease(of: alice, on: topic) ?? 0 > (try await test.now()) + 20_000)
                }
                let last = owners[order[2]]
                #expect(try await test.value(of: alice, on: topic) == "\(first) 30,\(last) {}")
                #expect(try await test.redis("EXISTS", test.keys(topic).holders).int == 0)
                #expect(try await log.take() == [])
                #expect(try await release(last, grace: grace, of: test))
                if grace == 0 {
                    #expect(try await log.takeRecords() == ["-c8:\(alice.text)"])
                    #expect(try await test.allKeys() == [])
                } else {
                    #expect(try await test.value(of: alice, on: topic) == "\(first) 30,- {}")
                    let left = try #require(try await test.lease(of: alice, on: topic)) - (try await test.now())
                    #expect((1...5000).contains(left))
                }
            }
        }
    }

    @Test func `A session leaves once when both its streams end in one call`() async throws {
        try await withStore { test in
            for owner in owners.prefix(2) { try await test.track(alice, on: topic, owner: owner) }
            let items = owners.prefix(2).map { ReleaseItem(member: alice, owner: $0, grace: 0) }
            try await test.withMessages(on: topic) { log in
                let released = try await test.store.release(items, on: topic)
                #expect(released == [true, true])
                #expect(try await log.takeRecords() == ["-c8:\(alice.text)"])
            }
            #expect(try await test.allKeys() == [])
        }
    }

    @Test func `Each listed holder can renew a session, and no other stream can`() async throws {
        try await withStore { test in
            for owner in owners.prefix(2) { try await test.track(alice, on: topic, owner: owner) }
            try await test.setLease(of: alice, on: topic, at: 1)
            let stranger = StreamOwner.random()
            let failures = try await test.store.renew(
                [(alice, owners[0]), (alice, stranger), (alice, owners[1])], on: topic, lease: 30)
            #expect(failures == [FailedLeaseRenewal(member: alice, owner: stranger)])
            #expect(try await test.lease(of: alice, on: topic) ?? 0 > (try await test.now()) + 20_000)
            #expect(try await Set(test.holders(of: alice, on: topic).keys) == Set(owners.prefix(2).map(\.text)))
        }
    }

    @Test func `A second track of a holder changes nothing, with any meta`() async throws {
        try await withStore { test in
            for owner in owners.prefix(2) { try await test.track(alice, on: topic, #"{"n":1}"#, owner: owner) }
            let newest = try await test.track(alice, on: topic, #"{"n":2}"#)
            // A track that timed out was sent again, and is executed late.
            for owner in owners.prefix(2) {
                let late = try await test.track(alice, on: topic, #"{"n":1}"#, owner: owner)
                #expect(late.ref == newest.ref)
            }
            #expect(try await test.value(of: alice, on: topic)?.hasSuffix(#" 30,_shared_ {"n":2}"#) == true)
            #expect(try await test.holders(of: alice, on: topic).count == 2)
        }
    }

    @Test func `A REST write changes the meta of a shared session and keeps its ttl and its holders`() async throws {
        try await withStore { test in
            for owner in owners { try await test.track(alice, on: topic, owner: owner) }
            let put = try await test.track(alice, on: topic, #"{"n":1}"#, ttl: 7)
            try await test.heartbeat(alice, on: topic, ttl: 7)
            let update = UpdateItem(member: alice, change: .replace(try Meta(#"{"n":2}"#)))
            _ = try await test.store.update([update], on: topic)
            #expect(put.ttl == 30)
            #expect(try await test.value(of: alice, on: topic)?.hasSuffix(#" 30,_shared_ {"n":2}"#) == true)
            #expect(try await test.holders(of: alice, on: topic).count == 3)
        }
    }

    @Test func `The lease of a session with a dead holder ends at that holder's deadline or after the grace`()
        async throws
    {
        try await withStore { test in
            for owner in owners.prefix(2) { try await test.track(alice, on: topic, owner: owner) }
            let now = try await test.now()
            // The node of the first stream is gone. The second ends without grace, then a third with a long one.
            try await test.setHolders(of: alice, on: topic, [(owners[0], now + 12_000), (owners[1], now + 30_000)])
            #expect(try await release(owners[1], grace: 0, of: test))
            #expect(try await test.lease(of: alice, on: topic) == now + 12_000)

            try await test.track(alice, on: topic, owner: owners[2])
            #expect(try await release(owners[2], grace: 60, of: test))
            let left = try #require(try await test.lease(of: alice, on: topic)) - now
            #expect((60_000...70_000).contains(left))
        }
    }

    @Test func `While a lapsed holder is listed, the end of the others does not remove the session at once`()
        async throws
    {
        try await withStore { test in
            for owner in owners.prefix(2) { try await test.track(alice, on: topic, owner: owner) }
            let now = try await test.now()
            try await test.setHolders(of: alice, on: topic, [(owners[0], now - 60_000), (owners[1], now - 60_000)])
            try await test.setLease(of: alice, on: topic, at: now - 60_000)
            try await test.withMessages(on: topic) { log in
                #expect(try await release(owners[1], grace: 0, of: test))
                #expect(try await log.take() == [])
                // The node that hung comes back in time.
                #expect(
                    try await test.store.renew([(alice, owners[0])], on: topic, lease: 30)
                        == [FailedLeaseRenewal(member: alice, owner: owners[0])])
                guard case .kept = try await test.store.restore([(alice, stored(owners[0]))], on: topic)[0] else {
                    throw StoreError(.corrupt, "not held again")
                }
                #expect(try await test.clock.sweep(topic) == .nothing)
                #expect(try await test.value(of: alice, on: topic)?.contains(" 30,\(owners[0]) ") == true)

                // The next time the node does not come back.
                try await test.track(alice, on: topic, owner: owners[1])
                let later = try await test.now()
                try await test.setHolders(of: alice, on: topic, [(owners[0], later - 1), (owners[1], later + 30_000)])
                #expect(try await release(owners[1], grace: 0, of: test))
                #expect(try await test.clock.sweep(topic).removed == 1)
                #expect(try await log.takeRecords() == ["-c8:\(alice.text)"])
            }
        }
    }

    @Test func `After a tick gap longer than any lease the first renewal drops no other holder`() async throws {
        try await withStore { test in
            for owner in owners { try await test.track(alice, on: topic, owner: owner) }
            let now = try await test.now()
            try await test.setHolders(of: alice, on: topic, owners.map { ($0, now - 900_000) })
            for owner in owners {
                #expect(try await test.store.renew([(alice, owner)], on: topic, lease: 30) == [])
            }
            let holders = try await test.holders(of: alice, on: topic)
            #expect(holders.count == 3 && holders.values.allSatisfy { $0 > now })
        }
    }

    @Test func `A lapsed holder is dropped one ttl after another renewal first saw it`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, owner: owners[0])
            try await test.track(alice, on: topic, owner: owners[1])
            let now = try await test.now()
            try await test.setHolders(of: alice, on: topic, [(owners[0], now - 1), (owners[1], now)])
            #expect(try await test.store.renew([(alice, owners[1])], on: topic, lease: 30) == [])
            let seen = try #require(try await test.holders(of: alice, on: topic)[owners[0].text])
            #expect(seen <= -now && seen > -now - 60_000)

            try await test.setHolders(of: alice, on: topic, [(owners[0], -(now - 31_000)), (owners[1], now)])
            #expect(try await test.store.renew([(alice, owners[1])], on: topic, lease: 30) == [])
            #expect(try await test.value(of: alice, on: topic) == "\(first.ref) 30,\(owners[1]) {}")
            #expect(try await test.redis("EXISTS", test.keys(topic).holders).int == 0)
        }
    }

    @Test func `Deadlines of holders that a clock left in the future become one ttl`() async throws {
        try await withStore { test in
            for owner in owners.prefix(2) { try await test.track(alice, on: topic, owner: owner) }
            let now = try await test.now()
            try await test.setHolders(
                of: alice, on: topic, [(owners[0], now + 3_600_000), (owners[1], -(now + 3_600_000))])
            #expect(try await release(owners[1], grace: 0, of: test))
            let left = try #require(try await test.lease(of: alice, on: topic)) - now
            #expect((1...60_000).contains(left))
        }
    }

    @Test func `A late track of an ended stream delays the leave by its ttl at most`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic, owner: owners[0])
            // The release came first: its track had timed out.
            #expect(try await !release(owners[1], grace: 5, of: test))
            try await test.track(alice, on: topic, owner: owners[1])
            #expect(try await release(owners[0], grace: 5, of: test))
            let left = try #require(try await test.lease(of: alice, on: topic)) - (try await test.now())
            #expect((5_000...30_000).contains(left))
            #expect(try await test.value(of: alice, on: topic)?.contains(" 30,\(owners[1]) ") == true)
        }
    }

    @Test func `Streams of a session beyond the 32nd share one entry`() async throws {
        try await withStore { test in
            let many = (0..<40).map { _ in StreamOwner.random() }
            for owner in many { try await test.track(alice, on: topic, owner: owner) }
            #expect(try await test.holders(of: alice, on: topic).count == 33)
            #expect(try await test.store.renew(many.map { (alice, $0) }, on: topic, lease: 30) == [])
            #expect(try await test.holders(of: alice, on: topic).count == 33)
            for owner in many.prefix(32) { #expect(try await release(owner, grace: 0, of: test)) }
            #expect(try await test.value(of: alice, on: topic)?.contains(" 30,_shared_ ") == true)
            #expect(try await test.store.renew(many.suffix(8).map { (alice, $0) }, on: topic, lease: 30) == [])
            for owner in many.suffix(8) { #expect(try await !release(owner, grace: 0, of: test)) }
            let left = try #require(try await test.lease(of: alice, on: topic)) - (try await test.now())
            #expect((1...30_000).contains(left))
        }
    }

    @Test func `An untrack ends a session for all its holders, and none of them restores it`() async throws {
        try await withStore { test in
            for owner in owners { try await test.track(alice, on: topic, owner: owner) }
            #expect(try await test.untrack(alice, on: topic) == .removed)
            #expect(try await test.allKeys() == [test.untrackedKey(topic)])
            let items = owners.map { (member: alice, stored: stored($0)) }
            #expect(try await test.store.restore(items, on: topic) == Array(repeating: .untracked, count: 3))

            // A stream that opens afterwards has it for itself.
            let later = StreamOwner.random()
            let receipt = try await test.track(alice, on: topic, owner: later)
            #expect(try await test.store.restore(items, on: topic) == Array(repeating: .untracked, count: 3))
            #expect(try await test.value(of: alice, on: topic) == "\(receipt.ref) 30,\(later) {}")
        }
    }

    @Test func `An audit drops holders of members that are not shared, and the last leave deletes the key`()
        async throws
    {
        try await withStore { test in
            for owner in owners.prefix(2) { try await test.track(alice, on: topic, owner: owner) }
            let bob = try Member("bob")
            try await test.track(bob, on: topic, owner: owners[2])
            try await test.setHolders(of: bob, on: topic, [(owners[2], 1)])
            try await test.setHolders(of: try Member("gone"), on: topic, [(owners[2], 1)])
            #expect(try await test.store.audit(topic) == Audit())
            let fields = try await test.redis("HKEYS", test.keys(topic).holders).elements?.compactMap(\.string)
            #expect(fields == [alice.text])
            for member in [alice, bob] { try await test.setLease(of: member, on: topic, at: 1) }
            #expect(try await test.clock.sweep(topic).removed == 2)
            #expect(try await test.redis("EXISTS", test.keys(topic).holders).int == 0)
        }
    }

    @Test func `After the list of holders is lost, each stream of a session becomes a holder again`() async throws {
        try await withStore { test in
            for owner in owners.prefix(2) { try await test.track(alice, on: topic, owner: owner) }
            try await test.redis("DEL", test.keys(topic).holders)
            let failures = try await test.store.renew(owners.prefix(2).map { (alice, $0) }, on: topic, lease: 30)
            #expect(failures.map(\.owner) == Array(owners.prefix(2)))
            let items = owners.prefix(2).map { (member: alice, stored: stored($0)) }
            for outcome in try await test.store.restore(items, on: topic) {
                guard case .kept = outcome else { throw StoreError(.corrupt, "\(outcome)") }
            }
            for owner in owners.prefix(2) { #expect(try await release(owner, grace: 5, of: test)) }
            #expect(try await test.value(of: alice, on: topic)?.contains(" 30,- ") == true)
        }
    }
}
