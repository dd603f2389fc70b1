// Rollcall · PresenceStoreTests

import NIOPosix
import LocalServices
import PresenceModel
import Redis
import TestSupport
import Testing

@testable import PresenceStore

@Suite("Reading")
struct ReadingTests {
    let topic: Topic
    let alice: Member

    init() throws {
        topic = try .sample()
        alice = try Member("alice")
    }

    @Test func `A snapshot has all presences, overdue ones too, and the position of the topic`() async throws {
        try await withStore { test in
            let first = try await test.track(alice, on: topic, #"{"n":1.50}"#, ttl: 60)
            let last = try await test.track(try Member("bob"), on: topic, owner: .random())
            try await test.setLease(of: alice, on: topic, at: 1)
            let snapshot = try await test.store.snapshot(of: topic)
            #expect(snapshot.cursor == last.cursor)
            #expect(snapshot.presences.count == 2)
            let found = try #require(snapshot.presences.first { $0.member == alice })
            #expect(found.stored.presence.ref == first.ref)
            #expect(found.stored.presence.meta.text == #"{"n":1.50}"#)
            #expect(found.stored.ttl == 60)
            #expect(try await test.store.snapshot(of: try Topic("empty")).presences.isEmpty)
        }
    }

    @Test func `Reads and tracks work after Redis lost its scripts`() async throws {
        // A private Redis, because other tests would lose their scripts as well.
        try await withLocalRedis { redis in
            try await withStore(url: redis.socketURL) { test in
                let cursor = try await test.track(alice, on: topic).cursor
                try await test.redis("SCRIPT", "FLUSH")
                #expect(try await test.store.snapshot(of: topic).cursor == cursor)
                try await test.redis("SCRIPT", "FLUSH")
                #expect(try await test.store.positions(of: [topic, topic]) == [.success(cursor), .success(cursor)])
                try await test.redis("SCRIPT", "FLUSH")
                #expect(try await test.track(alice, on: topic).cursor == cursor)
            }
        }
    }

    @Test func `Snapshots work while Redis loses its scripts again and again`() async throws {
        try await withLocalRedis { redis in
            try await withStore(url: redis.socketURL) { test in
                let cursor = try await test.track(alice, on: topic).cursor
                let flushing = Task {
                    while !Task.isCancelled { try await test.redis("SCRIPT", "FLUSH") }
                }
                for _ in 0..<500 { #expect(try await test.store.snapshot(of: topic).cursor == cursor) }
                flushing.cancel()
                try await flushing.value
            }
        }
    }

    @Test func `A read of one presence returns its lease and the position, or nil`() async throws {
        try await withStore { test in
            #expect(try await test.store.presence(of: alice, on: topic) == nil)
            let receipt = try await test.track(alice, on: topic, #"{"x":1}"#)
            let found = try #require(try await test.store.presence(of: alice, on: topic))
            #expect(found.receipt.expiresAt == receipt.expiresAt)
            #expect(found.receipt.cursor == receipt.cursor)
            #expect(found.stored.presence.meta.text == #"{"x":1}"#)
        }
    }

    @Test func `The sessions of a key are found in a topic with thousands of members`() async throws {
        try await withStore { test in
            let members = try (0..<5000).map { try Member("key \($0 % 2500)", "s\($0)") }
            _ = try await test.store.track(members.map { TrackItem(member: $0) }, on: topic, mode: .put)
            let entry = try await test.store.entry(of: try Key("key 77"), on: topic)
            #expect(Set(entry.presences.map(\.member.session.text)) == ["s77", "s2577"])
            #expect(entry.cursor.seq == 10)
            let counts = try await test.store.counts(of: topic)
            #expect(counts.counts == TopicCounts(topic: topic, keys: 2500, presences: 5000))
        }
    }

    @Test func `Occupied topics are listed in byte order, after a name and with a prefix, page by page`() async throws {
        try await withStore { test in
            let names = ["room:a", "room:b", "room:ü", "room:u\u{308}", "Room", "x"]
            for name in names { try await test.track(alice, on: try Topic(name)) }
            try await test.track(try Member("alice", "s2"), on: try Topic("x"))
            let sorted = ["Room", "room:a", "room:b", "room:u\u{308}", "room:ü", "x"]
            let all = try await test.store.topics(limit: 100)
            #expect(all.map { Array($0.topic.text.utf8) } == sorted.map { Array($0.utf8) })
            #expect(all.last == TopicCounts(topic: try Topic("x"), keys: 1, presences: 2))
            let rooms = try await test.store.topics(prefix: "room:", after: try Topic("room:a"), limit: 2)
            #expect(rooms.map(\.topic.text.utf8.count) == [6, 8])
            #expect(try await test.store.topics(prefix: "room:ü", limit: 5).count == 1)
        }
    }

    @Test func `A page of topics reads names of members only of topics with more than one`() async throws {
        try await withLocalRedis { redis in
            try await withStore(url: redis.url) { test in
                for number in 0..<300 { try await test.track(alice, on: try Topic("t\(number)")) }
                try await test.track(try Member("bob"), on: try Topic("t7"))
                #expect(try await test.store.topics(limit: 1000).count == 300)
                let page = try await test.store.topics(after: try Topic("t6"), limit: 20)
                #expect(
                    page.map(\.topic.text)
                        == (0..<300).map { "t\($0)" }.sorted().filter { $0 > "t6" }.prefix(20).map(\.self))
                #expect(
                    page.first { $0.topic.text == "t7" } == TopicCounts(topic: try Topic("t7"), keys: 2, presences: 2))
                let info = try await test.redis("INFO", "commandstats").string ?? ""
                #expect(info.contains("cmdstat_hkeys:calls=2,"))
            }
        }
    }

    @Test func `A page of topics reads at most 50,000 names of members at once, or those of one topic`() {
        #expect(PresenceStore.membersPerCount == 50_000)
        #expect(PresenceStore.readings(of: []).isEmpty && PresenceStore.readings(of: [1, 1]).isEmpty)
        #expect(PresenceStore.readings(of: [25_000, 25_000]) == [[0, 1]])
        #expect(PresenceStore.readings(of: [25_000, 25_001]) == [[0], [1]])
        #expect(PresenceStore.readings(of: [50_000, 2]) == [[0], [1]])
        #expect(PresenceStore.readings(of: [1, 20_000, 1, 60_000, 2, 49_998, 2]) == [[1], [3], [4, 5], [6]])
        #expect(PresenceStore.readings(of: Array(repeating: 500, count: 250)).map(\.count) == [100, 100, 50])
    }

    @Test func `A page of topics with more than 50,000 members has the right counts`() async throws {
        try await withStore { test in
            let sizes = ["a": 30_000, "b": 1, "c": 30_000, "d": 2]
            for (name, size) in sizes {
                let topic = try Topic(name)
                try await test.track(try Member("key 0", "s0"), on: topic)
                // Two sessions for each key; only the names of members are read.
                let fields = (0..<size).flatMap { number -> [RedisArgument] in
                    [.string("key \(number / 2)\u{1f}s\(number)"), .string("value")]
                }
                for chunk in stride(from: 0, to: fields.count, by: 10_000) {
                    let some = fields[chunk..<min(chunk + 10_000, fields.count)]
                    _ = try await test.pool.connection().send(
                        RedisCommand("HSET", [test.keys(topic).members] + some))
                }
            }
            let page = try await test.store.topics(limit: 10)
            #expect(page.map(\.topic.text) == ["a", "b", "c", "d"])
            #expect(page.map(\.presences) == [30_000, 1, 30_000, 2])
            #expect(page.map(\.keys) == [15_000, 1, 15_000, 1])
        }
    }

    @Test func `The constants of a deployment are written once, and a node with others is refused`() async throws {
        try await withStore { test in
            try await test.store.prepare()
            try await test.store.prepare()
            #expect(try await test.allKeys() == ["cfg"])
            try await test.redis("HSET", .string(test.store.keys.configuration), "buckets", "64")
            let error = await #expect(throws: StoreError.self) { try await test.store.prepare() }
            #expect(error?.code == .misconfigured)
            #expect(error?.message.contains("buckets = 64") == true)
        }
    }

    @Test func `Without a connection a read fails at once as unavailable`() async throws {
        let pool = RedisPool(
            url: try RedisURL("redis+unix:///nonexistent.sock"), options: RedisOptions(),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: .quiet)
        let store = PresenceStore(pool: pool)
        let error = await #expect(throws: StoreError.self) { try await store.snapshot(of: topic) }
        #expect(error?.code == .unavailable)
        #expect(error?.isTransient == true)
    }
}
