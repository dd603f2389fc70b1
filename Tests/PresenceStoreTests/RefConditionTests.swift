// Rollcall · PresenceStoreTests

import PresenceModel
import Redis
import Testing

@testable import PresenceStore

@Suite("Conditions on refs")
struct RefConditionTests {
    let topic: Topic
    let alice: Member
    let bob: Member
    let carol: Member

    init() throws {
        topic = try .sample()
        alice = try Member("alice")
        bob = try Member("bob")
        carol = try Member("carol")
    }

    /// Conditions that no present member fulfils.
    private static var unfulfilled: [RefCondition] {
        [.oneOf([]), .oneOf([.random()]), .oneOf([.random(), .random()])]
    }

    /// Conditions that a member with this ref fulfils.
    private static func fulfilled(by ref: Ref) -> [RefCondition] {
        [.any, .oneOf([ref]), .oneOf([.random(), ref, .random()])]
    }

    @Test func `A track with a failed condition changes nothing, and returns the current ref or none`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, #"{"x":1}"#, ttl: 50)
            try await test.setLease(of: alice, on: topic, at: 5_000_000_000_000)
            let before = try await test.value(of: alice, on: topic)
            try await test.withMessages(on: topic) { log in
                for condition in Self.unfulfilled {
                    let items = [
                        TrackItem(member: alice, meta: try Meta(#"{"x":2}"#), ttl: 9, condition: condition),
                        TrackItem(member: bob, condition: condition),
                    ]
                    let outcomes = try await test.store.track(items, on: topic, mode: .put)
                    #expect(outcomes == [.moved(first.ref), .moved(nil)])
                }
                #expect(try await log.take() == [])
            }
            #expect(try await test.value(of: alice, on: topic) == before)
            #expect(try await test.lease(of: alice, on: topic) == 5_000_000_000_000)
            #expect(try await test.value(of: bob, on: topic) == nil)
        }
    }

    @Test func `A track with a condition that holds replaces, also beside others that fail`() async throws {
        try await withStore { test in
            var ref = try await test.track(alice, on: topic).ref
            for number in 0..<3 {
                let condition = Self.fulfilled(by: ref)[number]
                let item = TrackItem(member: alice, meta: try Meta(#"{"x":\#(number)}"#), condition: condition)
                let outcomes = try await test.store.track(
                    [TrackItem(member: bob, condition: .any), item, TrackItem(member: carol)], on: topic, mode: .put)
                #expect(outcomes[0] == .moved(nil) && outcomes[1].isChanged)
                #expect(outcomes[1].receipt?.previous == ref)
                ref = outcomes[1].receipt?.ref ?? ref
            }
            #expect(try await test.value(of: carol, on: topic) != nil)
        }
    }

    @Test func `A track of an absent member with a condition leaves an empty topic without keys`() async throws {
        try await withStore { test in
            for condition in Self.unfulfilled + [.any] {
                let item = TrackItem(member: alice, condition: condition)
                #expect(try await test.store.track([item], on: topic, mode: .put) == [.moved(nil)])
            }
            #expect(try await test.allKeys() == [])
            try await test.track(alice, on: topic)
            try await test.untrack(alice, on: topic)
            let item = TrackItem(member: alice, condition: .any)
            #expect(try await test.store.track([item], on: topic, mode: .put) == [.moved(nil)])
            let claim = RedisArgument.string(test.claim(alice, on: topic))
            #expect(try await test.redis("ZSCORE", test.keys(topic).untracked, claim) != .null)
        }
    }

    @Test func `Of many tracks that expect the same ref one replaces`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic)
            let changed = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        let item = TrackItem(
                            member: alice, meta: try Meta(#"{"x":\#(number)}"#), condition: .oneOf([first.ref]))
                        return try await test.store.track([item], on: topic, mode: .put)[0].isChanged
                    }
                }
                var changed = 0
                for try await isChanged in group where isChanged { changed += 1 }
                return changed
            }
            #expect(changed == 1)
        }
    }

    @Test func `An untrack removes the members of its call that fulfil their conditions, and no others`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, #"{"x":1}"#)
            let second = try await test.track(bob, on: topic)
            let before = try await (test.value(of: alice, on: topic), test.lease(of: alice, on: topic))
            for condition in Self.unfulfilled {
                #expect(try await test.untrack(alice, on: topic, condition: condition) == .moved(first.ref))
            }
            try await test.withMessages(on: topic) { log in
                let items = [
                    UntrackItem(member: carol, condition: .any),
                    UntrackItem(member: alice, condition: .oneOf([second.ref])),
                    UntrackItem(member: bob, condition: .oneOf([first.ref, second.ref])),
                ]
                let outcomes = try await test.store.untrack(items, on: topic)
                #expect(outcomes == [.absent, .moved(first.ref), .removed])
                #expect(try await log.takeRecords() == ["-u6:\(bob.text)"])
            }
            #expect(try await test.value(of: alice, on: topic) == before.0)
            #expect(try await test.lease(of: alice, on: topic) == before.1)
            let dave = try Member("dave")
            // A node may restore an absent member: with any ref, so `*` is recorded, and refs are not.
            try await test.untrack(dave, on: topic, condition: .oneOf([second.ref]))
            for (member, isRecorded) in [(alice, false), (carol, true), (dave, false)] {
                let claim = RedisArgument.string(test.claim(member, on: topic))
                let score = try await test.redis("ZSCORE", test.keys(topic).untracked, claim)
                #expect((score != .null) == isRecorded, "\(member)")
            }
            for number in 0..<3 {
                let condition = Self.fulfilled(by: try await test.track(alice, on: topic).ref)[number]
                #expect(try await test.untrack(alice, on: topic, condition: condition) == .removed)
            }
        }
    }

    @Test func `A heartbeat with a condition that fails moves no lease, and returns the current ref`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, ttl: 50)
            try await test.setLease(of: alice, on: topic, at: 5_000_000_000_000)
            for condition in Self.unfulfilled {
                let items = [
                    HeartbeatItem(member: alice, ttl: 200, condition: condition),
                    HeartbeatItem(member: bob, condition: condition),
                ]
                let outcomes = try await test.store.heartbeat(items, on: topic)
                #expect(outcomes == [.moved(first.ref), .absent])
            }
            #expect(try await test.value(of: alice, on: topic) == "\(first.ref) 50 {}")
            #expect(try await test.lease(of: alice, on: topic) == 5_000_000_000_000)
            for condition in Self.fulfilled(by: first.ref) {
                let outcome = try await test.heartbeat(alice, on: topic, condition: condition)
                guard case .renewed = outcome else { throw StoreError(.corrupt, "\(outcome)") }
            }
            #expect(try await #require(test.lease(of: alice, on: topic)) < 5_000_000_000_000)
        }
    }
}
