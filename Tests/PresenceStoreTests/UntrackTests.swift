// Rollcall · PresenceStoreTests

import PresenceModel
import Redis
import Testing

@testable import PresenceStore

@Suite("untrack")
struct UntrackTests {
    let topic: Topic
    let alice: Member
    let bob: Member

    init() throws {
        topic = try .sample()
        alice = try Member("alice")
        bob = try Member("bob")
    }

    @Test func `An untrack publishes only present members, each once`() async throws {
        try await withStore { test in
            try await test.track(alice, on: topic)
            try await test.track(bob, on: topic)
            try await test.withMessages(on: topic) { log in
                let carol = try Member("carol")
                #expect(try await test.untrack(carol, on: topic) == .absent)
                let items = [carol, alice, alice].map { UntrackItem(member: $0) }
                let outcomes = try await test.store.untrack(items, on: topic)
                #expect(outcomes == [.absent, .removed, .absent])
                #expect(try await log.takeRecords() == ["-u8:\(alice.text)"])
            }
            #expect(try await test.store.position(of: topic).seq == 3)
            #expect(try await test.lease(of: alice, on: topic) == nil)
        }
    }

    @Test func `A removal publishes its own reason, and no node restores what it removed`()
        async throws
    {
        try await withStore { test in
            let owner = StreamOwner.random()
            let tabs = try ["s1", "s2"].map { try Member("alice", $0) }
            let first = try await test.track(tabs[0], on: topic, owner: owner)
            try await test.track(tabs[1], on: topic)
            try await test.track(bob, on: topic)
            try await test.withMessages(on: topic) { log in
                #expect(try await test.store.untrack(key: alice.key, on: topic, reason: .removed) == 2)
                let records = tabs.map { "-r\($0.record)\($0.text)" }
                let published = try await log.takeRecords()
                #expect(published == [records[0] + records[1]] || published == [records[1] + records[0]])
                let outcomes = try await test.store.untrack([UntrackItem(member: bob)], on: topic, reason: .removed)
                #expect(outcomes == [.removed])
                #expect(try await log.takeRecords() == ["-r\(bob.record)\(bob.text)"])
            }
            let stored = StoredPresence(
                presence: Presence(ref: first.ref, meta: .empty), ttl: 30, owner: .stream(owner))
            #expect(try await test.store.restore([(tabs[0], stored)], on: topic) == [.untracked])
        }
    }

    @Test func `An untrack of the last member leaves only the key g, and a new epoch begins with the next`()
        async throws
    {
        try await withStore { test in
            let first = try await test.track(alice, on: topic)
            try await test.untrack(alice, on: topic)
            #expect(try await test.allKeys() == [test.untrackedKey(topic)])
            #expect(try await test.store.position(of: topic) == .empty)
            let second = try await test.track(alice, on: topic)
            #expect(second.cursor.epoch != first.cursor.epoch)
        }
    }

    @Test func `An untrack is remembered for an hour for open streams and for a minute for heartbeats`() async throws {
        try await withStore { test in
            let (owner, ended, carol) = (StreamOwner.random(), StreamOwner.random(), try Member("carol"))
            try await test.track(alice, on: topic, owner: owner)
            try await test.track(bob, on: topic, owner: ended)
            try await test.track(carol, on: topic)
            _ = try await test.store.release([ReleaseItem(member: bob, owner: ended, grace: 5)], on: topic)
            let untracked = test.keys(topic).untracked
            let old = try await test.now() - 3_600_001
            try await test.redis("ZADD", untracked, .integer(old), "of long ago")

            _ = try await test.store.untrack([alice, bob, carol, alice].map { UntrackItem(member: $0) }, on: topic)
            #expect(try await test.allKeys() == [test.untrackedKey(topic)])
            let remembered = try await test.redis("ZRANGE", untracked, 0, -1).elements?.compactMap(\.string)
            let heartbeats = [alice, bob, carol].map { test.claim($0, on: topic) }
            #expect(Set(remembered ?? []) == Set(heartbeats + [test.claim(alice, on: topic, owner: owner)]))
            #expect(try await (3_500_000...3_600_000).contains(test.redis("PTTL", untracked).int ?? 0))

            // The stream tracks again, as after a track without a reply.
            try await test.track(alice, on: topic, owner: owner)
            try await test.track(carol, on: topic)
            for claim in [test.claim(alice, on: topic, owner: owner), test.claim(carol, on: topic)] {
                #expect(try await test.redis("ZSCORE", untracked, .string(claim)) == .null)
            }
        }
    }

    @Test(
        arguments: ["a*", "a?c", "[ab]c", #"a\c"#, "^a", "a-c", "ü", "a b"])
    func `An untrack of a key removes its sessions, and none of a key that it matches as a pattern`(_ key: String)
        async throws
    {
        try await withStore { test in
            let sessions = try ["s1", "s2"].map { try Member(key, $0) }
            let others = try ["abc", "ac", "bc", "a*x", #"a\\c"#, "xü"].map { try Member($0) }
            for member in sessions + others { try await test.track(member, on: topic) }
            let entry = try await test.store.entry(of: try Key(key), on: topic)
            #expect(Set(entry.presences.map(\.member)) == Set(sessions))
            #expect(try await test.store.untrack(key: try Key(key), on: topic) == 2)
            #expect(try await test.store.untrack(key: try Key(key), on: topic) == 0)
            let left = try await test.store.snapshot(of: topic).presences.map(\.member)
            #expect(Set(left) == Set(others))
        }
    }

    @Test func `Deletes of absent presences leave at most 64 entries of at most 96 bytes in a bucket`() async throws {
        try await withStore { test in
            let names = try (0..<300).map { try Member(String(repeating: "k", count: 200) + "\($0)") }
            let items = names.map { UntrackItem(member: $0) }
            _ = try await test.store.untrack(items, on: topic)
            _ = try await test.store.untrack(items, on: topic)
            let untracked = test.keys(topic).untracked
            let noted = try await test.redis("ZRANGE", untracked, 0, -1).elements?.compactMap(\.string) ?? []
            #expect(noted.count == 64)
            #expect(noted.allSatisfy { $0.utf8.count <= 96 })
        }
    }

    @Test func `A bucket keeps the newest 512 entries of deletes, those of streams longest`() async throws {
        try await withStore { test in
            let owner = StreamOwner.random()
            try await test.track(alice, on: topic, owner: owner)
            try await test.untrack(alice, on: topic)
            let others = try (0..<1000).map { try Member("other \($0)") }
            _ = try await test.store.track(others.map { TrackItem(member: $0) }, on: topic, mode: .put)
            _ = try await test.store.untrack(others.map { UntrackItem(member: $0) }, on: topic)
            let untracked = test.keys(topic).untracked
            #expect(try await test.redis("ZCARD", untracked).int == 512)
            let claim = RedisArgument.string(test.claim(alice, on: topic, owner: owner))
            #expect(try await test.redis("ZSCORE", untracked, claim) != .null)
        }
    }

    @Test func `An untracked presence with a name longer than 96 bytes is recognised`() async throws {
        try await withStore { test in
            let long = try Member(String(repeating: "k", count: 250), String(repeating: "s", count: 64))
            let owner = StreamOwner.random()
            try await test.track(long, on: topic, owner: owner)
            try await test.untrack(long, on: topic)
            let presence = Presence(ref: .random(), meta: .empty)
            let stored = StoredPresence(presence: presence, ttl: 30, owner: .stream(owner))
            #expect(try await test.store.restore([(long, stored)], on: topic) == [.untracked])
            try await test.track(long, on: topic, owner: owner)
            try await test.lose(topic)
            #expect(try await test.store.restore([(long, stored)], on: topic) == [.restored])
        }
    }
}
