// Rollcall · PresenceStoreTests

import PresenceModel
import Redis
import Testing

@testable import PresenceStore

@Suite("fence")
struct FenceTests {
    let topic: Topic
    let alice: Member

    init() throws {
        topic = try .sample()
        alice = try Member("alice")
    }

    @Test func `An empty topic has no position, and a read creates none`() async throws {
        try await withStore { test in
            let other = try Topic("other")
            try await test.track(alice, on: other)
            let keys = try await test.allKeys()
            #expect(try await test.store.positions(of: [topic, other]).map { try $0.get().seq } == [0, 1])
            #expect(try await test.store.position(of: topic) == .empty)
            #expect(try await test.store.snapshot(of: topic).cursor == .empty)
            #expect(try await test.allKeys() == keys)
        }
    }

    @Test func `On another server a new epoch begins at 0 and stays`() async throws {
        try await withStore { test in
            let before = try await test.track(alice, on: topic).cursor
            try await test.forgetServer(of: topic)
            let after = try await test.store.position(of: topic)
            #expect(after.epoch != before.epoch)
            #expect(after.seq == 0)
            #expect(try await test.store.position(of: topic) == after)
            #expect(try await test.track(alice, on: topic, #"{"x":1}"#).cursor == Cursor(epoch: after.epoch, seq: 1))
        }
    }

    /// The kinds of writes that publish; each may be the first on a new server.
    static let writes: [(name: String, body: @Sendable (StoreUnderTest, Topic, Member) async throws -> Void)] = [
        ("track", { test, topic, member in try await test.track(member, on: topic, #"{"x":1}"#) }),
        (
            "update",
            { test, topic, member in
                let item = UpdateItem(member: member, change: .replace(try Meta(#"{"x":1}"#)))
                _ = try await test.store.update([item], on: topic)
            }
        ),
        ("untrack", { test, topic, member in try await test.untrack(member, on: topic) }),
        (
            "release",
            { test, topic, member in
                let owner = StreamOwner.random()
                try await test.track(member, on: topic, owner: owner)
                try await test.forgetServer(of: topic)
                let item = ReleaseItem(member: member, owner: owner, grace: 0)
                #expect(try await test.store.release([item], on: topic) == [true])
            }
        ),
        (
            "restore",
            { test, topic, _ in
                let stored = StoredPresence(presence: Presence(ref: .random(), meta: .empty), ttl: 30)
                _ = try await test.store.restore([(try Member("carol"), stored)], on: topic)
            }
        ),
        (
            "sweep",
            { test, topic, member in
                try await test.setLease(of: member, on: topic, at: 1)
                try await test.clock.sweep(topic)
            }
        ),
        (
            "audit",
            { test, topic, _ in
                try await test.redis("ZADD", test.keys(topic).leases, 9_999_999_999_999, "ghost\u{1f}s")
                _ = try await test.store.audit(topic)
            }
        ),
    ]

    @Test(arguments: writes.map(\.name))
    func `Each kind of write begins a new epoch if it is the first on another server`(_ name: String) async throws {
        let write = try #require(Self.writes.first { $0.name == name })
        try await withStore { test in
            let before = try await test.track(alice, on: topic).cursor
            try await test.track(try Member("bob"), on: topic)
            try await test.forgetServer(of: topic)
            try await test.withMessages(on: topic) { log in
                try await write.body(test, topic, alice)
                let messages = try await log.take()
                #expect(messages.count == 1)
                #expect(messages.allSatisfy { $0.hasPrefix("1:") && !$0.hasPrefix("1:\(before.epoch)") })
                #expect(messages.allSatisfy { $0.split(separator: ":")[2] == "1" })
            }
        }
    }
}
