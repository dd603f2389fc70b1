// Rollcall · PresenceStoreTests

import Basics
import JSONText
import PresenceModel
import Testing

@testable import PresenceStore

@Suite("update")
struct UpdateTests {
    let topic: Topic
    let alice: Member

    init() throws {
        topic = try .sample()
        alice = try Member("alice")
    }

    func patch(_ text: String, of member: Member, condition: RefCondition? = nil) throws -> UpdateItem {
        UpdateItem(member: member, change: .patch(try JSON(parsing: text)), condition: condition)
    }

    @Test func `An update of an absent member creates nothing`() async throws {
        try await withStore { test in
            let items = [UpdateItem(member: alice, change: .replace(.empty)), try patch(#"{"a":1}"#, of: alice)]
            for outcome in try await test.store.update(items, on: topic) {
                guard case .absent = outcome else { throw StoreError(.corrupt, "\(outcome)") }
            }
            #expect(try await test.allKeys() == [])
        }
    }

    @Test func `An update gets a new ref, keeps lease, ttl and owner, and publishes one message`() async throws {
        try await withStore { test in
            let owner = StreamOwner.random()
            let first = try await test.track(alice, on: topic, #"{"x":1}"#, ttl: 50, owner: owner)
            try await test.setLease(of: alice, on: topic, at: 5_000_000_000_000)
            try await test.withMessages(on: topic) { log in
                let item = UpdateItem(member: alice, change: .replace(try Meta(#"{"y":2}"#)))
                guard case .changed(let receipt) = try await test.store.update([item], on: topic)[0] else {
                    throw StoreError(.corrupt, "not changed")
                }
                #expect(receipt.previous == first.ref)
                #expect(receipt.ttl == 50)
                #expect(receipt.expiresAt == 5_000_000_000_000)
                #expect(receipt.cursor.seq == 2)
                let value = "\(receipt.ref),\(first.ref) 50,\(owner) {\"y\":2}"
                #expect(try await test.value(of: alice, on: topic) == value)
                #expect(try await test.lease(of: alice, on: topic) == 5_000_000_000_000)
                #expect(try await log.takeRecords() == ["+8:\(value.utf8.count):\(alice.text)\(value)"])
            }
        }
    }

    @Test func `An update with the same meta keeps the ref and publishes nothing`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, #"{"x":1.0}"#)
            let items = [
                UpdateItem(member: alice, change: .replace(try Meta(#"{"x":1.0}"#))), try patch("{}", of: alice),
            ]
            for outcome in try await test.store.update(items, on: topic) {
                guard case .unchanged(let receipt) = outcome else { throw StoreError(.corrupt, "\(outcome)") }
                #expect(receipt.ref == first.ref)
                #expect(receipt.cursor == first.cursor)
            }
        }
    }

    @Test func `An update with an outdated expected ref changes nothing and returns the current ref`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, #"{"x":1}"#)
            let second = try await test.track(alice, on: topic, #"{"x":2}"#)
            let stale = try [RefCondition.oneOf([first.ref]), .oneOf([]), .oneOf([first.ref, .random()])].flatMap {
                [
                    UpdateItem(member: alice, change: .replace(.empty), condition: $0),
                    try patch(#"{"y":1}"#, of: alice, condition: $0),
                ]
            }
            for outcome in try await test.store.update(stale, on: topic) {
                guard case .moved(second.ref) = outcome else { throw StoreError(.corrupt, "\(outcome)") }
            }
            #expect(try await test.store.position(of: topic) == second.cursor)

            let current = [
                UpdateItem(member: alice, change: .replace(.empty), condition: .oneOf([.random(), second.ref])),
                try patch(#"{"y":1}"#, of: alice, condition: .any),
            ]
            for outcome in try await test.store.update(current, on: topic) {
                guard case .changed = outcome else { throw StoreError(.corrupt, "\(outcome)") }
            }
        }
    }

    @Test func `60 concurrent patches of one meta all take effect`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic, "{}")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<60 {
                    group.addTask {
                        let outcome = try await test.store.update(
                            [try patch(#"{"f\#(number)":\#(number)}"#, of: alice)], on: topic)[0]
                        guard case .changed = outcome else { throw StoreError(.corrupt, "\(outcome)") }
                    }
                }
                try await group.waitForAll()
            }
            let found = try #require(try await test.store.presence(of: alice, on: topic))
            #expect(try JSON(parsing: found.stored.presence.meta.json).members?.count == 60)
            #expect(found.receipt.cursor.seq == 61)
        }
    }

    @Test func `Updates of one member in one call are executed in order, replacements and patches alike`() async throws
    {
        try await withStore { test in
            try await test.track(alice, on: topic, #"{"a":0}"#)
            let items = [
                try patch(#"{"b":1}"#, of: alice), UpdateItem(member: alice, change: .replace(try Meta(#"{"c":2}"#))),
                try patch(#"{"d":3}"#, of: alice), try patch(#"{"c":null}"#, of: alice),
            ]
            for outcome in try await test.store.update(items, on: topic) {
                guard case .changed = outcome else { throw StoreError(.corrupt, "\(outcome)") }
            }
            #expect(try await test.value(of: alice, on: topic)?.hasSuffix(#" {"d":3}"#) == true)
        }
    }

    @Test func `A patch that exceeds the limit or sets a reserved name is refused, and the others succeed`()
        async throws
    {
        try await withStore(limits: Limits(maximumMetaBytes: 20)) { test in
            let bob = try Member("bob")
            try await test.track(alice, on: topic, "{}")
            try await test.track(bob, on: topic, "{}")
            let items = [
                try patch(#"{"a":"aaaaaaaaaaaaaaaaaaaa"}"#, of: alice), try patch(#"{"phx_ref":"x"}"#, of: alice),
                try patch(#"{"b":1}"#, of: bob),
            ]
            let outcomes = try await test.store.update(items, on: topic)
            guard case .invalid(let large) = outcomes[0], case .invalid(let reserved) = outcomes[1],
                case .changed = outcomes[2]
            else { throw StoreError(.corrupt, "\(outcomes)") }
            #expect(large.code == .tooLarge)
            #expect(reserved.code == .invalid)
        }
    }
}
