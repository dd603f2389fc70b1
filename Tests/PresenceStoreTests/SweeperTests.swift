// Rollcall · PresenceStoreTests

import LocalServices
import PresenceModel
import Redis
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import PresenceStore

@Suite("The sweeper")
struct SweeperTests {
    @Test func `Each bucket has one node, shares are even, and a node that stops moves only its own`() {
        let nodes = (0..<5).map { "node-\($0)" }
        let shares = nodes.map { BucketAssignment.buckets(of: $0, among: nodes) }
        #expect(shares.flatMap { $0 }.sorted() == Array(0..<StoreKeys.buckets))
        #expect(shares.allSatisfy { (12...40).contains($0.count) })
        let left = Array(nodes.dropFirst())
        for (node, share) in zip(nodes, shares).dropFirst() {
            #expect(Set(BucketAssignment.buckets(of: node, among: left)).isSuperset(of: share))
        }
        #expect(BucketAssignment.buckets(of: "alone", among: []).count == StoreKeys.buckets)
    }

    @Test(arguments: [("a", [1, 2, 3, 22, 23, 25, 35, 38]), ("b", [4, 10, 12, 16, 19, 24, 26, 27])])
    func `The buckets of a node never change, because nodes of two versions run side by side`(
        node: String, first: [Int]
    ) {
        #expect(BucketAssignment.buckets(of: node, among: ["a", "b", "c"]).prefix(8) == first[...])
    }

    @Test func `The sweeper sweeps all buckets, ends promptly, and takes its node off the list`() async throws {
        try await withStore { test in
            let topics = try (0..<300).map { try Topic("topic \($0)") }
            let alice = try Member("alice")
            _ = try await test.store.tick(Array(0..<StoreKeys.buckets), policy: SweepPolicy())
            for topic in topics {
                try await test.track(alice, on: topic)
                try await test.setLease(of: alice, on: topic, at: 1)
            }
            var policy = SweepPolicy()
            policy.topicsPerTick = 2
            policy.gap = .seconds(60)
            let sweeper = Sweeper(store: test.store, node: "one", policy: policy, logger: .quiet)
            let group = ServiceGroup(services: [sweeper], logger: .quiet)
            let running = Task { try await group.run() }
            try await eventually("the sweeps") { try await test.store.topics(limit: 1000).isEmpty }
            #expect(try await test.redis("ZRANGE", .string(test.store.keys.nodes), 0, -1).elements?.count == 1)

            let start = ContinuousClock.now
            await group.triggerGracefulShutdown()
            try await running.value
            #expect(ContinuousClock.now - start < giveUpTime * patience, "at most one round")
            #expect(try await test.redis("EXISTS", .string(test.store.keys.nodes)).int == 0)
            #expect(try await test.allKeys().allSatisfy { $0 == "cfg" || $0.hasSuffix(":clk") })
        }
    }

    @Test func `Topics that one round cannot sweep are swept in many rounds without a hold`() async throws {
        try await withStore { test in
            try await fill((0..<4000).map { try Topic("topic \($0)") }, on: test)
            var policy = SweepPolicy()
            policy.gap = .seconds(60)
            policy.interval = .milliseconds(50)
            policy.backupInterval = .milliseconds(500)
            let sweeper = Sweeper(store: test.store, node: "one", policy: policy, logger: .quiet)
            let running = Task { try await sweeper.run() }
            defer { running.cancel() }
            let (keys, connection) = (test.store.keys, try test.pool.connection())
            let lists = (0..<StoreKeys.buckets).map { RedisCommand("EXISTS", [keys.due($0)]) }
            try await eventually("the sweeps") {
                try await connection.send(lists).allSatisfy { $0.int == 0 }
            }
            let holds = (0..<StoreKeys.buckets).map { RedisCommand("HGET", [keys.clock($0), "hold"]) }
            #expect(try await connection.send(holds).allSatisfy { $0.int == 0 })
        }
    }

    @Test func `A round ends at its time limit, and the next rounds sweep the rest`() async throws {
        try await withStore { test in
            try await fill((0..<200).map { try Topic("topic \($0)") }, on: test)
            var policy = SweepPolicy()
            policy.interval = .nanoseconds(1)
            policy.gap = .seconds(60)
            let sweeper = Sweeper(store: test.store, node: "one", policy: policy, logger: .quiet)
            var left: [Int] = []
            for _ in 0..<4 {
                try await sweeper.tickAssigned()
                left.append(try await test.store.topics(limit: 1000).count)
            }
            #expect(left == [136, 72, 8, 0])
        }
    }

    /// No pause of a slow machine delists a node or holds a bucket.
    private static var unhurried: SweepPolicy {
        var policy = SweepPolicy()
        policy.gap = .seconds(60)
        policy.nodeTimeout = .seconds(60)
        return policy
    }

    @Test func `Two nodes share the buckets, and each sweeps those of the other as a backup`() async throws {
        try await withStore { test in
            let sweepers = ["one", "two"].map {
                Sweeper(store: test.store, node: $0, policy: Self.unhurried, logger: .quiet)
            }
            for _ in 0..<2 { for sweeper in sweepers { try await sweeper.tickAssigned() } }
            let alice = try Member("alice")
            let topic = try #require(
                try (0..<100).map { try Topic("\($0)") }.first {
                    BucketAssignment.buckets(of: "one", among: ["one", "two"]).contains(StoreKeys.bucket(of: $0))
                })
            try await test.track(alice, on: topic)
            try await test.setLease(of: alice, on: topic, at: 1)
            try await sweepers[1].tickAssigned()
            #expect(try await test.value(of: alice, on: topic) != nil)
            try await sweepers[1].tickOthers()
            #expect(try await test.value(of: alice, on: topic) == nil)
        }
    }

    @Test func `A node that was last seen too long ago, or in the future, is not live`() async throws {
        try await withStore { test in
            let nodes = RedisArgument.string(test.store.keys.nodes)
            let now = try await test.now()
            try await test.redis("ZADD", nodes, .integer(now - 60_000), "dead")
            try await test.redis("ZADD", nodes, .integer(now + 60_000), "future")
            #expect(try await test.store.enlist("one", policy: SweepPolicy()).nodes == ["one"])
            #expect(try await test.store.enlist("two", policy: SweepPolicy()).nodes.sorted() == ["one", "two"])
            try await test.store.delist("one")
            #expect(try await test.store.enlist("two", policy: SweepPolicy()).nodes == ["two"])
        }
    }

    @Test func `A node is notified once when Redis no longer lists it, and not at its start`() async throws {
        try await withStore { test in
            let count = Mutex(0)
            let sweeper = Sweeper(store: test.store, node: "one", policy: Self.unhurried, logger: .quiet) {
                count.withLock { $0 += 1 }
            }
            for _ in 0..<2 { try await sweeper.tickAssigned() }
            #expect(count.withLock { $0 } == 0)
            try await test.store.delist("one")
            for _ in 0..<2 { try await sweeper.tickAssigned() }
            #expect(count.withLock { $0 } == 1)
        }
    }

    @Test func `A topic with a key of another type does not stop the sweep of others`() async throws {
        try await withStore { test in
            let (strange, sound, alice) = (try Topic("strange"), try Topic("sound"), try Member("alice"))
            for topic in [strange, sound] {
                try await test.track(alice, on: topic)
                try await test.setLease(of: alice, on: topic, at: 1)
            }
            try await test.redis("SET", test.keys(strange).members, "not ours")
            let sweeper = Sweeper(store: test.store, node: "one", policy: Self.unhurried, logger: .quiet)
            await #expect(throws: StoreError.self) { try await sweeper.tickAssigned() }
            #expect(try await test.value(of: alice, on: sound) == nil)
        }
    }

    @Test func `A topic that lost a Redis key is repaired within a round of audits`() async throws {
        try await withStore { test in
            let (topic, alice) = (try Topic.sample(), try Member("alice"))
            try await test.track(alice, on: topic)
            try await test.redis("DEL", test.keys(topic).leases)
            let sweeper = Sweeper(store: test.store, node: "one", logger: .quiet)
            try await sweeper.tickAssigned()
            for _ in 0..<StoreKeys.buckets { try await sweeper.auditNext() }
            #expect(try await test.lease(of: alice, on: topic) != nil)
        }
    }

    /// Puts one overdue member on each topic, in one pipeline.
    private func fill(_ topics: [Topic], on test: StoreUnderTest) async throws {
        _ = try await test.store.tick(Array(0..<StoreKeys.buckets), policy: SweepPolicy())
        let alice = RedisArgument.bytes(try Member("alice").bytes)
        let commands = topics.flatMap { topic in
            let keys = test.keys(topic)
            return [
                RedisCommand("HSET", [keys.members, alice, "AAAAAAAAAAAAAAAA 30 {}"]),
                RedisCommand("ZADD", [keys.leases, 1, alice]), RedisCommand("ZADD", [keys.due, 1, keys.topic]),
            ]
        }
        _ = try await test.pool.connection().send(commands)
    }
}
