// Rollcall · PresenceStoreTests

import PresenceModel
import Redis
import Testing

@testable import PresenceStore

@Suite("track")
struct TrackTests {
    let topic: Topic
    let alice: Member
    let bob: Member

    init() throws {
        topic = try .sample()
        alice = try Member("alice")
        bob = try Member("bob")
    }

    @Test func `A new presence has the given meta, a lease of now + ttl, and the topic's first cursor`() async throws {
        try await withStore { test in
            let item = TrackItem(member: alice, meta: try Meta(#"{"a":[1e400,{}]}"#), ttl: 7)
            let outcome = try await test.store.track([item], on: topic, mode: .create)[0]
            let receipt = try #require(outcome.receipt)
            #expect(outcome.isCreated)
            #expect(receipt.previous == nil)
            #expect(receipt.ttl == 7)
            #expect(receipt.expiresAt == receipt.now + 7000)
            #expect(receipt.cursor.seq == 1)
            #expect(try await test.lease(of: alice, on: topic).map { Int64($0) } == receipt.expiresAt)
            #expect(try await test.value(of: alice, on: topic) == #"\#(receipt.ref) 7 {"a":[1e400,{}]}"#)
            #expect(try await test.due(topic).map { Int64($0) } == receipt.expiresAt)
        }
    }

    @Test func `Without meta and ttl a new presence gets {} and the default, and a present one keeps its own`()
        async throws
    {
        try await withStore(limits: Limits(defaultTTL: 40)) { test in
            let new = try await test.track(alice, on: topic)
            #expect(new.ttl == 40)
            #expect(try await test.value(of: alice, on: topic)?.hasSuffix(" 40 {}") == true)

            let known = try await test.track(bob, on: topic, #"{"x":1}"#, ttl: 9)
            let again = try await test.track(bob, on: topic)
            #expect(again.ttl == 9)
            #expect(again.ref == known.ref)
            #expect(try await test.value(of: bob, on: topic)?.hasSuffix(#" 9 {"x":1}"#) == true)
        }
    }

    @Test func `A track with the same meta moves the lease, keeps the ref and publishes nothing`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, #"{"x":1}"#)
            try await test.setLease(of: alice, on: topic, at: 1)
            try await test.withMessages(on: topic) { log in
                let item = TrackItem(member: alice, meta: try Meta(#"{"x":1}"#))
                let outcome = try await test.store.track([item], on: topic, mode: .put)[0]
                #expect(outcome.isUnchanged)
                #expect(outcome.receipt?.ref == first.ref)
                #expect(outcome.receipt?.cursor == first.cursor)
                #expect(try await log.take() == [])
            }
            #expect(try await #require(test.lease(of: alice, on: topic)) >= Int(first.expiresAt))
        }
    }

    @Test func `A track with another meta gets a new ref and has the old one as its previous ref`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, #"{"x":1}"#)
            let second = try await test.track(alice, on: topic, #"{"x":2}"#)
            #expect(second.ref != first.ref)
            #expect(second.previous == first.ref)
            #expect(second.cursor.epoch == first.cursor.epoch)
            #expect(second.cursor.seq == 2)
        }
    }

    @Test func `A create of a present member changes nothing and returns its ref`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, #"{"x":1}"#)
            try await test.setLease(of: alice, on: topic, at: 1)
            let before = try await test.value(of: alice, on: topic)
            let items = [TrackItem(member: alice, meta: try Meta("{}"), ttl: 99), TrackItem(member: bob)]
            let outcomes = try await test.store.track(items, on: topic, mode: .create)
            #expect(outcomes[0] == .conflict(first.ref))
            #expect(outcomes[1].isCreated)
            #expect(try await test.value(of: alice, on: topic) == before)
            #expect(try await test.lease(of: alice, on: topic) == 1)
        }
    }

    @Test func `A call publishes one message, and the first message of an empty topic begins with a star`()
        async throws
    {
        try await withStore { test in
            try await test.withMessages(on: topic) { log in
                let items = [TrackItem(member: alice), TrackItem(member: bob)]
                let receipts = try await test.store.track(items, on: topic, mode: .put).compactMap(\.receipt)
                let values = [
                    try await test.value(of: alice, on: topic) ?? "", try await test.value(of: bob, on: topic) ?? "",
                ]
                try await test.track(bob, on: topic, #"{"ü":1}"#)
                let third = try await test.value(of: bob, on: topic) ?? ""
                let epoch = receipts[0].cursor.epoch
                #expect(
                    try await log.take() == [
                        "1:\(epoch):1:*+8:\(values[0].utf8.count):\(alice.text)\(values[0])"
                            + "+6:\(values[1].utf8.count):\(bob.text)\(values[1])",
                        "1:\(epoch):2:+6:\(third.utf8.count):\(bob.text)\(third)",
                    ])
            }
        }
    }

    @Test func `A call that names a member three times tracks it three times, in order`() async throws {
        try await withStore { test in
            let items = try ["1", "2", "2"].map { TrackItem(member: alice, meta: try Meta(#"{"x":\#($0)}"#)) }
            let outcomes = try await test.store.track(items, on: topic, mode: .put)
            #expect(outcomes[0].isCreated && outcomes[1].isChanged && outcomes[2].isUnchanged)
            #expect(outcomes[1].receipt?.previous == outcomes[0].receipt?.ref)
            #expect(outcomes[2].receipt?.ref == outcomes[1].receipt?.ref)
        }
    }

    @Test func `A REST track keeps an open stream as owner, and replaces one that has ended`() async throws {
        try await withStore { test in
            let owner = StreamOwner.random()
            let rest = try await test.track(alice, on: topic, #"{"x":1}"#, ttl: 40)
            let bound = try await test.track(alice, on: topic, owner: owner)
            #expect(bound.cursor == rest.cursor)
            #expect(try await test.value(of: alice, on: topic) == #"\#(rest.ref) 40,\#(owner) {"x":1}"#)

            let changed = try await test.track(alice, on: topic, "{}", ttl: 60)
            #expect(try await test.value(of: alice, on: topic) == "\(changed.ref),\(rest.ref) 40,\(owner) {}")

            let released = ReleaseItem(member: alice, owner: owner, grace: 5)
            #expect(try await test.store.release([released], on: topic) == [true])
            try await test.track(alice, on: topic)
            #expect(try await test.value(of: alice, on: topic) == "\(changed.ref),\(rest.ref) 40 {}")
        }
    }

    @Test func `A topic that lost only its position begins a new epoch without a star in its message`() async throws {
        try await withStore { test in
            let before = try await test.track(alice, on: topic)
            try await test.redis("DEL", test.keys(topic).position)
            try await test.withMessages(on: topic) { log in
                let after = try await test.track(bob, on: topic)
                #expect(after.cursor.epoch != before.cursor.epoch)
                #expect(try await log.takeRecords().map { $0.first } == ["+"])
            }
        }
    }

    @Test func `More members than one call takes are all tracked, in order`() async throws {
        try await withStore { test in
            let members = try (0..<1201).map { try Member("key \($0)") }
            let outcomes = try await test.store.track(
                members.map { TrackItem(member: $0) }, on: topic, mode: .create)
            #expect(outcomes.count == 1201)
            let snapshot = try await test.store.snapshot(of: topic)
            let refs = Dictionary(uniqueKeysWithValues: snapshot.presences.map { ($0.member, $0.stored.presence.ref) })
            #expect(members.map { refs[$0] } == outcomes.map { $0.receipt?.ref })
            #expect(snapshot.cursor.seq == 3)
        }
    }

    @Test func `A stored value that cannot be read fails a call before anything is written`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic)
            try await test.redis("HSET", test.keys(topic).members, .bytes(alice.bytes), "strange")
            let items = [TrackItem(member: bob), TrackItem(member: alice, meta: try Meta("{}"))]
            await #expect(throws: StoreError.self) { try await test.store.track(items, on: topic, mode: .put) }
            #expect(try await test.value(of: bob, on: topic) == nil)
            #expect(try await test.lease(of: bob, on: topic) == nil)
            #expect(try await test.store.position(of: topic).seq == 1)
        }
    }
}
