// Rollcall · PresenceStoreTests

import Foundation
import LocalServices
import PresenceModel
import Redis
import TestSupport
import Testing

@testable import PresenceStore

@Suite("A Redis that refuses a part of what a node needs")
struct RefusedWritesTests {
    private let alice: Member
    private let bob: Member
    private let topic: Topic

    init() throws {
        (alice, bob, topic) = (try Member("alice"), try Member("bob"), try Topic.sample())
    }

    /// Runs `body` with a store of a user that has all rights, and a store of an admin that may take rights away.
    private func withUser(
        checkInterval: Duration = .seconds(1),
        _ body: (_ test: StoreUnderTest, _ admin: StoreUnderTest) async throws -> Void
    ) async throws {
        try await withLocalRedis(port: true) { redis in
            try await withStore(url: redis.url) { admin in
                try await admin.redis("ACL", "SETUSER", "app", "on", ">pw", "+@all", "~*", "&*")
                let url = redis.url.replacing("redis://", with: "redis://app:pw@")
                try await withStore(url: url, checkInterval: checkInterval) { test in try await body(test, admin) }
            }
        }
    }

    @Test func `The rights that a node checks include every command of every script`() throws {
        let names = Set(StoreRights(StoreKeys(), topic: topic).commands.map(\.name) + ["PUBLISH"])
        for script in StoreScripts.all {
            let source = String(decoding: script.source, as: UTF8.self)
            for match in source.matches(of: /redis\.p?call\('([A-Z]+)'/) {
                #expect(names.contains(String(match.output.1)), "\(match.output.1) of \(script)")
            }
        }
    }

    @Test func `A missing right is named and stops writes before they change anything, until it is given back`()
        async throws
    {
        try await withUser { test, admin in
            let rights = StoreRights(test.store.keys, topic: try PresenceStore.probeTopic)
            let commands = Set(rights.commands.map(\.name) + ["PUBLISH", "SUBSCRIBE"])
            for command in commands.sorted() {
                let rule = command.lowercased().replacing(" ", with: "|")
                try await admin.redis("ACL", "SETUSER", "app", .string("-" + rule))
                // Another check that is under way may report the rights of before.
                try await eventually("the refusal of \(command)") {
                    await test.pool.check()
                    guard let trouble = test.store.trouble, trouble.kind == .rights else { return false }
                    return trouble.detail.lowercased().contains(rule) || trouble.detail.contains(command)
                }
                if !["EVALSHA", "EVAL"].contains(command) {
                    let error = await #expect(throws: StoreError.self) { try await test.track(alice, on: topic) }
                    #expect(error?.code == .refused, "\(command)")
                    let resumed = await #expect(throws: StoreError.self) {
                        try await test.store.resume(TrackItem(member: alice), on: topic, owner: .random())
                    }
                    #expect(resumed?.code == .refused, "\(command)")
                }
                #expect(try await admin.redis("KEYS", .string(test.store.keys.prefix + "*")).elements?.count == 0)
                try await admin.redis("ACL", "SETUSER", "app", .string("+" + rule))
                try await eventually("no refusal of \(command)") {
                    await test.pool.check()
                    return test.store.trouble == nil
                }
            }
            try await test.track(alice, on: topic)
        }
    }

    @Test func `A missing right to channels or keys is named and stops writes, and reads work`() async throws {
        try await withUser { test, admin in
            try await test.track(alice, on: topic)
            try await admin.redis("ACL", "SETUSER", "app", "resetchannels")
            try await eventually("the refusal") { test.store.trouble?.kind == .rights }
            #expect(test.store.trouble?.detail.contains("PUBLISH \(test.store.keys.prefix)") == true)
            let error = await #expect(throws: StoreError.self) { try await test.track(bob, on: topic) }
            #expect(error?.code == .refused && error?.message.contains("PUBLISH") == true)
            _ = await #expect(throws: StoreError.self) { try await test.untrack(alice, on: topic) }
            #expect(try await test.store.snapshot(of: topic).presences.map(\.member) == [alice])
            #expect(try await test.store.position(of: topic).seq == 1)
            try await admin.redis(
                "ACL", "SETUSER", "app", "&*", "resetkeys", .string("~\(test.store.keys.prefix){*"))
            try await eventually("the other refusal") {
                test.store.trouble?.detail.contains("key \(test.store.keys.nodes)") == true
            }
            #expect(test.store.trouble?.detail.contains("HSET") == false)
        }
    }

    @Test func `A missing right that a new connection finds stops writes on open connections at once`() async throws {
        func clients(_ admin: StoreUnderTest) async throws -> [String] {
            let list = try await admin.redis("CLIENT", "LIST", "TYPE", "NORMAL").string ?? ""
            return list.split(separator: "\n").filter { $0.contains("user=app") }
                .compactMap { $0.split(separator: " ").first?.dropFirst(3) }.map { String($0) }
        }
        // The interval is so long that only handshakes check rights.
        try await withUser(checkInterval: .seconds(3600)) { test, admin in
            try await test.track(alice, on: topic)
            try await eventually("both connections") { try await clients(admin).count == 2 }
            let client = try #require(try await clients(admin).first)
            try await admin.redis("ACL", "SETUSER", "app", "resetchannels")
            try await admin.redis("CLIENT", "KILL", "ID", .string(client))
            try await eventually("the refusal") { test.store.trouble?.kind == .rights }
            for _ in 0..<4 {
                _ = await #expect(throws: StoreError.self) { try await test.untrack(alice, on: topic) }
            }
            #expect(try await test.store.snapshot(of: topic).presences.map(\.member) == [alice])
        }
    }

    @Test(arguments: [
        "-hincrby", "-publish", "-zadd", "-hset", "-hdel", "-zrem", "-del", "-pexpire", "-zremrangebyscore",
        "-zremrangebyrank", "-exists", "-pttl", "-hlen", "-zcard", "resetchannels",
    ])
    func `A right that was taken away since the last check stops a script before its first write`(rule: String)
        async throws
    {
        // The interval is so long that only refusals cause a check.
        try await withUser(checkInterval: .seconds(3600)) { test, admin in
            let (owners, carol) = ((0..<3).map { _ in StreamOwner.random() }, try Member("carol"))
            let lost = try await test.track(carol, on: topic)
            let stored = StoredPresence(
                presence: Presence(ref: lost.ref, previous: nil, meta: .empty), ttl: 30)
            let bob = TrackItem(member: bob, meta: try Meta(#"{"a":1}"#))
            let operations: [@Sendable () async throws -> Void] = [
                { _ = try await test.store.track([bob], on: topic, mode: .put) },
                { _ = try await test.store.track([bob], on: topic, mode: .put, owner: owners[2]) },
                { try await test.untrack(alice, on: topic) },
                { _ = try await test.store.update([UpdateItem(member: alice, change: .replace(.empty))], on: topic) },
                { try await test.heartbeat(alice, on: topic, ttl: 500) },
                {
                    _ = try await test.store.release(
                        [ReleaseItem(member: alice, owner: owners[0], grace: 0)], on: topic)
                },
                {
                    _ = try await test.store.release(
                        [ReleaseItem(member: bob.member, owner: owners[1], grace: 0)], on: topic)
                },
                { _ = try await test.store.restore([(carol, stored)], on: topic) },
                {
                    var policy = SweepPolicy()
                    policy.gap = .seconds(3600)
                    _ = try await test.store.sweep([topic], policy: policy)[0].get()
                },
            ]
            var refused = 0
            for operation in operations {
                for owner in owners.prefix(2) {
                    try await test.track(alice, on: topic, #"{"n":1}"#, owner: owner)
                }
                try await test.track(bob.member, on: topic, #"{"n":1}"#, owner: owners[1])
                try await test.untrack(carol, on: topic)
                try await test.track(try Member("late"), on: topic)
                try await test.clock.tick(topic)
                try await test.setLease(of: try Member("late"), on: topic, at: try await test.now() - 1)
                let before = try await contents(test, admin)
                try await admin.redis("ACL", "SETUSER", "app", .string(rule))
                do {
                    try await operation()
                } catch let error as StoreError where error.code == .refused {
                    refused += 1
                    #expect(try await contents(test, admin) == before)
                }
                try await admin.redis("ACL", "SETUSER", "app", "+@all", "&*")
                // A check that the refusal began may still run.
                try await eventually("a write") {
                    await test.pool.check()
                    return (try? await test.track(alice, on: topic, owner: owners[0])) != nil
                }
            }
            #expect(refused > 0)
        }
    }

    /// Everything under the store's prefix, keys and values.
    private func contents(_ test: StoreUnderTest, _ admin: StoreUnderTest) async throws -> [String] {
        let keys = try await admin.redis("KEYS", .string(test.store.keys.prefix + "*")).elements ?? []
        var contents: [String] = []
        for key in keys.compactMap(\.string) {
            contents.append("\(key) \(try await admin.redis("DUMP", .string(key)))")
        }
        return contents.sorted()
    }

    @Test func `A missing right that renewals do not need stops neither renewals nor heartbeats`() async throws {
        try await withUser { test, admin in
            let owner = StreamOwner.random()
            try await test.track(alice, on: topic, owner: owner)
            try await test.track(bob, on: topic, ttl: 60)
            let now = try await test.now()
            for member in [alice, bob] { try await test.setLease(of: member, on: topic, at: now + 1000) }
            try await admin.redis("ACL", "SETUSER", "app", "-hkeys", "-zscan", "resetchannels")
            try await eventually("the refusal") {
                await test.pool.check()
                return test.store.trouble?.kind == .rights
            }
            #expect(try await test.store.renew([(alice, owner)], on: topic, lease: 60) == [])
            guard case .renewed = try await test.heartbeat(bob, on: topic) else {
                throw StoreError(.refused, "the heartbeat")
            }
            for member in [alice, bob] {
                #expect(try await #require(test.lease(of: member, on: topic)) >= now + 60_000)
            }
        }
    }

    @Test func `Writes that a full Redis refuses cause a bounded number of checks a second`() async throws {
        try await withLocalRedis { redis in
            try await withStore(url: redis.socketURL) { test in
                try await test.track(alice, on: topic)
                try await test.redis("CONFIG", "SET", "maxmemory", "1")
                try await test.redis("CONFIG", "RESETSTAT")
                let start = ContinuousClock.now
                for _ in 1...300 {
                    let error = await #expect(throws: StoreError.self) { try await test.track(bob, on: topic) }
                    #expect(error?.code == .outOfMemory)
                }
                #expect(test.store.trouble?.kind == .full)
                let info = try await test.redis("INFO", "commandstats").string ?? ""
                let counts = try #require(
                    info.firstMatch(of: /cmdstat_evalsha:calls=(\d+),.*rejected_calls=(\d+)/)
                ).output
                let calls = try #require(Int(counts.1)) + #require(Int(counts.2))
                let seconds = Int(start.duration(to: .now).components.seconds)
                // Two scripts on two connections each second.
                #expect((300...300 + 4 * (seconds + 2)).contains(calls), "\(calls)")
            }
        }
    }

    @Test func `A primary without its replicas refuses writes, and reads have the right position`() async throws {
        try await withLocalRedis { redis in
            try await withStore(url: redis.socketURL) { test in
                try await test.track(alice, on: topic)
                let position = try await test.store.position(of: topic)
                try await test.redis("CONFIG", "SET", "min-replicas-to-write", "1")
                // The pool has not checked yet, so this read meets the refusal.
                #expect(try await test.store.snapshot(of: topic).presences.count == 1)
                try await eventually("the refusal") { test.store.trouble?.kind == .replicas }
                #expect(try await test.store.position(of: topic) == position)
                let error = await #expect(throws: StoreError.self) { try await test.track(bob, on: topic) }
                #expect(error?.code == .refused && error?.message.hasPrefix("NOREPLICAS") == true)
                try await test.redis("CONFIG", "SET", "min-replicas-to-write", "0")
                try await eventually("the end") { (try? await test.track(bob, on: topic)) != nil }
            }
        }
    }

    @Test func `A Redis that cannot save refuses writes, and reads work`() async throws {
        let folder = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(folder) }
        try await withLocalRedis(arguments: ["--dir", folder, "--save", "3600 1000"]) { redis in
            try await withStore(url: redis.socketURL) { test in
                try await test.track(alice, on: topic)
                TemporaryFolder.remove(folder)
                try await test.redis("BGSAVE")
                try await eventually("the refusal") { test.store.trouble?.kind == .persistence }
                #expect(try await test.store.counts(of: topic).counts.presences == 1)
                let error = await #expect(throws: StoreError.self) { try await test.track(bob, on: topic) }
                #expect(error?.code == .refused && error?.message.hasPrefix("MISCONF") == true)
            }
        }
    }

    @Test func `A read-only replica serves reads without a pause, and takes writes after its promotion`() async throws {
        try await withLocalRedis { redis in
            try await withStore(url: redis.socketURL) { test in
                try await test.track(alice, on: topic)
                let position = try await test.store.position(of: topic)
                try await test.redis("REPLICAOF", "127.0.0.1", "1")
                try await eventually("the refusal") {
                    test.store.trouble?.kind == .readOnly && (try? test.pool.connection()) != nil
                }
                // Longer than a connection to a replica lives.
                let end = ContinuousClock.now + .seconds(3)
                while .now < end {
                    #expect(try await test.store.snapshot(of: topic).cursor == position)
                    #expect(try await test.store.entry(of: alice.key, on: topic).presences.count == 1)
                    let error = await #expect(throws: StoreError.self) { try await test.track(bob, on: topic) }
                    #expect(error?.code == .refused)
                }
                try await test.redis("REPLICAOF", "NO", "ONE")
                try await eventually("a write") { (try? await test.track(bob, on: topic)) != nil }
                try await eventually("the end") { test.store.trouble == nil }
            }
        }
    }

    @Test func `A full Redis is reported as trouble, and reads and untracks work`() async throws {
        try await withLocalRedis { redis in
            try await withStore(url: redis.socketURL) { test in
                try await test.track(alice, on: topic)
                try await test.redis("CONFIG", "SET", "maxmemory", "1")
                let error = await #expect(throws: StoreError.self) { try await test.track(bob, on: topic) }
                #expect(error?.code == .outOfMemory)
                try await eventually("the trouble") { test.store.trouble?.kind == .full }
                #expect(try await test.store.snapshot(of: topic).presences.count == 1)
                #expect(try await test.untrack(alice, on: topic) == .removed)
                try await test.redis("CONFIG", "SET", "maxmemory", "0")
                try await eventually("the end") { test.store.trouble == nil }
            }
        }
    }
}
