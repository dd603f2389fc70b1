// Rollcall · PresenceFeedTests

import LocalServices
import NIOCore
import PresenceModel
import PresenceFeed
import PresenceStore
import Redis
import TestSupport
import Testing

@Suite("Feeds on a real Redis")
struct FeedHubTests {
    private let topic: Topic

    init() throws { topic = try Topic("room:lobby") }

    @Test func `A subscriber gets the state and then each change, with the cursors of Redis`() async throws {
        try await HubFixture.with(redis: SharedRedis.url) { node in
            let alice = try await node.track("alice", on: topic)
            let listener = node.listen(to: topic)
            try await listener.receives("state alice")
            #expect(listener.cursor == alice?.cursor)
            let bob = try await node.track("bob", on: topic)
            try await listener.receives("diff +bob")
            #expect(listener.cursor == bob?.cursor)
            try await node.untrack("alice", on: topic)
            try await listener.receives("diff -alice:untracked")
        }
    }

    @Test func `A topic that empties and fills again is followed without a snapshot, under its new epoch`() async throws
    {
        try await withLocalRedis { redis in
            try await HubFixture.with(redis: redis.url) { node in
                let listener = node.listen(to: topic)
                try await listener.receives("state")
                for _ in 0..<3 {
                    let receipt = try await node.track("alice", on: topic)
                    try await eventually { listener.cursor == receipt?.cursor }
                    try await node.untrack("alice", on: topic)
                    try await eventually { await node.hub.live(topic)?.roster.isEmpty == true }
                }
                #expect(!listener.words.contains { $0.contains("lost") })
                let info = try await node.pool.connection().send(RedisCommand("INFO", ["commandstats"])).string
                #expect(info?.contains("cmdstat_hgetall:calls=1,") == true, "the first state's snapshot alone")
            }
        }
    }

    @Test func `A first state waits for the subscriber's own track`() async throws {
        try await HubFixture.with(redis: SharedRedis.url) { node in
            let first = node.listen(to: topic)
            try await first.receives("state")
            for index in 0..<20 {
                let receipt = try await node.track("user\(index)", on: topic)
                let listener = node.listen(to: topic, reaching: receipt?.cursor)
                try await eventually { !listener.words.isEmpty }
                #expect(listener.words[0].split(separator: " ").contains("user\(index)"))
                listener.subscription?.end()
            }
        }
    }

    @Test func `A cursor that is still in the ring gets the changes after it; any other gets a state`() async throws {
        try await HubFixture.with(redis: SharedRedis.url) { node in
            let first = node.listen(to: topic)
            try await first.receives("state")
            let alice = try await node.track("alice", on: topic)
            _ = try await node.track("bob", on: topic)
            _ = try await node.track("bob", on: topic, meta: #"{"a":1}"#)
            let eve = try await node.track("eve", on: topic)
            try await eventually { first.cursor == eve?.cursor }
            let second = node.listen(to: topic, since: alice?.cursor)
            try await second.receives("resumed diff +bob +eve")
            let third = node.listen(to: topic, since: eve?.cursor)
            try await third.receives("resumed")
            let fourth = node.listen(to: topic, since: Cursor(epoch: .random(), seq: 2))
            try await fourth.receives("state alice bob eve")
        }
    }

    @Test func `A subscriber is notified of the end of its own presence`() async throws {
        try await HubFixture.with(redis: SharedRedis.url) { node in
            let receipt = try await node.track("alice", on: topic)
            let listener = node.listen(to: topic, reaching: receipt?.cursor, as: Fixture.member("alice"))
            try await listener.receives("state alice")
            try await node.untrack("alice", on: topic)
            try await listener.receives("own left:untracked")
        }
    }

    @Test func `A subscriber that lost its queue gets a state, also when its own track was in another epoch`()
        async throws
    {
        var options = HubFixture.unhurriedOptions
        options.restoreTime = .minutes(10)
        try await withLocalRedis { redis in
            try await HubFixture.with(redis: redis.url, options: options) { node in
                let alice = try await node.track("alice", on: topic)
                let listener = node.listen(to: topic, reaching: alice?.cursor, as: Fixture.member("alice"))
                try await listener.receives("state alice")
                _ = try await node.pool.connection().send(RedisCommand("FLUSHALL", []))
                let bob = try await node.track("bob", on: topic)
                try await eventually { listener.cursor == bob?.cursor }
                listener.subscription?.requestState()
                try await listener.receives("state bob")
            }
        }
    }

    @Test func `After a lost connection a feed sends the missed changes, also if no message follows`() async throws {
        var options = FeedOptions()
        options.degradedDelay = .minutes(10)
        try await withLocalRedis { redis in
            try await HubFixture.with(redis: redis.url, options: options) { node in
                let listener = node.listen(to: topic)
                try await listener.receives("state")
                let connection = try node.pool.connection()
                _ = try await connection.send(RedisCommand("CLIENT", ["KILL", "TYPE", "pubsub"]))
                _ = try await node.track("alice", on: topic)
                try await listener.receives("diff +alice")
            }
        }
    }

    @Test func `A lost message is found by a comparison of positions`() async throws {
        var options = HubFixture.unhurriedOptions
        options.positionCheck = .milliseconds(50)
        try await HubFixture.with(redis: SharedRedis.url, options: options) { node in
            let listener = node.listen(to: topic)
            let alice = try await node.track("alice", on: topic)
            try await eventually { listener.cursor == alice?.cursor }
            // A topic with an unreadable position does not stop the comparison of others.
            let strange = try Topic("strange")
            try await node.listen(to: strange).receives("state")
            let strangePosition = RedisArgument(
                stringLiteral: node.store.keys.channel(of: strange).replacing("}:", with: "}:m:"))
            _ = try await node.pool.connection().send(RedisCommand("SET", [strangePosition, "not ours"]))
            try await bringSilently("bob", to: node)
            try await listener.receives("diff +bob")
        }
    }

    @Test func `A cursor that other nodes have reached and this one has not never gets an older state`() async throws {
        var options = HubFixture.unhurriedOptions
        options.cursorWait = .milliseconds(50)
        try await HubFixture.with(redis: SharedRedis.url, options: options) { node in
            let first = node.listen(to: topic)
            let alice = try #require(try await node.track("alice", on: topic))
            try await eventually { first.cursor == alice.cursor }
            try await bringSilently("bob", to: node)
            let ahead = Cursor(epoch: alice.cursor.epoch, seq: alice.cursor.seq + 1)
            let second = node.listen(to: topic, since: ahead)
            try await eventually { !second.words.isEmpty }
            #expect(second.words == ["resumed"])
            #expect(second.cursor == ahead)
            // A cursor that no node has reached waits no longer than that either.
            let third = node.listen(to: topic, since: Cursor(epoch: ahead.epoch, seq: 1000))
            try await third.receives("state alice bob")
        }
    }

    /// Moves the topic without a word on its channel, as a lost last message would.
    private func bringSilently(
        _ name: String, ref: String = "BBBBBBBBBBBBBBBB", to node: HubFixture
    ) async throws {
        _ = try await node.pool.connection().send([
            RedisCommand("MULTI", []), RedisCommand("HINCRBY", [key("m", node), "s", "1"]),
            RedisCommand("HSET", [key("h", node), .string("\(name)\u{1f}s"), .string("\(ref) 30 {}")]),
            RedisCommand("EXEC", []),
        ])
    }

    /// One of the topic's keys in Redis.
    private func key(_ kind: String, _ node: HubFixture) -> RedisArgument {
        .string(node.store.keys.channel(of: topic).replacing("}:", with: "}:\(kind):"))
    }

    @Test
    func `Presences of heartbeats are restored if Redis lost them, and not if the topic emptied and filled again`()
        async throws
    {
        var options = HubFixture.unhurriedOptions
        options.restoreTime = .milliseconds(100)
        options.lossDelay = .seconds(3 * Int64(patience))
        options.positionCheck = .milliseconds(50)
        try await withLocalRedis { redis in
            try await HubFixture.with(redis: redis.url, options: options) { node in
                _ = try await node.store.enlist("one", policy: SweepPolicy())
                let alice = try await node.track("alice", on: topic)
                let listener = node.listen(to: topic, reaching: alice?.cursor)
                try await listener.receives("state alice")
                _ = try await node.pool.connection().send(RedisCommand("FLUSHALL", []))
                _ = try await node.track("bob", on: topic)
                try await listener.receives("diff +bob")
                let roster = try #require(await node.hub.live(topic)).roster
                #expect(roster[Fixture.member("alice")]?.ref == alice?.ref)
                #expect(try await node.store.snapshot(of: topic).presences.count == 2)

                // The topic empties and fills again, and this node misses the messages: no presence comes back.
                _ = try await node.pool.connection().send([
                    RedisCommand("MULTI", []), RedisCommand("DEL", [key("h", node), key("z", node)]),
                    RedisCommand("HSET", [key("m", node), "e", .string(Epoch.random().description), "s", "1"]),
                    RedisCommand("HSET", [key("h", node), "eve\u{1f}s", "BBBBBBBBBBBBBBBB 30 {}"]),
                    RedisCommand("EXEC", []),
                ])
                try await listener.receives("diff +eve -alice:lost -bob:lost")
                #expect(listener.words.count == 3)
            }
        }
    }

    @Test func `While Redis is away subscribers get degraded once, and later the changes that remain`()
        async throws
    {
        var options = FeedOptions()
        options.degradedDelay = .milliseconds(100)
        options.lossDelay = .milliseconds(500)
        try await withLocalRedis { redis in
            try await HubFixture.with(redis: redis.url, options: options) { node in
                let alice = try await node.track("alice", on: topic, owner: .random())
                let listener = node.listen(to: topic, reaching: alice?.cursor)
                try await listener.receives("state alice")
                // On a busy machine the first state may be late, which is an outage of its own.
                try await eventually { listener.words.last != "degraded" }
                await redis.kill()
                try await eventually { listener.words.last == "degraded" }
                try await redis.restart()
                try await eventually("the loss after \(listener.words)") {
                    let words = listener.words
                    guard let loss = words.firstIndex(of: "diff -alice:lost"), loss > 0 else { return false }
                    return words[loss - 1] == "degraded" && words.dropFirst(loss + 1).first == "recovered"
                }
            }
        }
    }

    @Test func `A presence that is restored in time after a loss does not leave`() async throws {
        var options = FeedOptions()
        options.degradedDelay = .minutes(10)
        try await withLocalRedis { redis in
            try await HubFixture.with(redis: redis.url, options: options) { node in
                let alice = try #require(try await node.track("alice", on: topic))
                let listener = node.listen(to: topic, reaching: alice.cursor)
                try await listener.receives("state alice")
                let connection = try node.pool.connection()
                _ = try await connection.send(RedisCommand("FLUSHALL", []))
                let stored = StoredPresence(
                    presence: Presence(ref: alice.ref, previous: nil, meta: .empty), ttl: alice.ttl)
                _ = try await node.store.restore([(member: Fixture.member("alice"), stored: stored)], on: topic)
                let bob = try await node.track("bob", on: topic)
                try await eventually { listener.cursor == bob?.cursor }
                // On a busy machine the pair that cancelled may have been sent by itself, as a cursor alone.
                #expect(listener.words.filter { $0 != "diff" } == ["state alice", "diff +bob"])
            }
        }
    }

    @Test func `A presence that is restored after a loss does not leave, also if the message is lost`() async throws {
        var options = FeedOptions()
        options.degradedDelay = .minutes(10)
        options.lossDelay = .seconds(3 * Int64(patience))
        options.positionCheck = .minutes(10)
        try await withLocalRedis { redis in
            try await HubFixture.with(redis: redis.url, options: options) { node in
                let alice = try #require(try await node.track("alice", on: topic, owner: .random()))
                let listener = node.listen(to: topic, reaching: alice.cursor)
                try await listener.receives("state alice")
                let connection = try node.pool.connection()
                _ = try await connection.send(RedisCommand("FLUSHALL", []))
                let bob = try await node.track("bob", on: topic)
                try await eventually("the new epoch") { await node.hub.live(topic)?.cursor == bob?.cursor }
                try await bringSilently("alice", ref: alice.ref.text, to: node)
                try await listener.receives("diff +bob")
                #expect(!listener.words.contains { $0.contains("alice:lost") }, "\(listener.words)")
            }
        }
    }

    @Test func `A subscription that has ended gets nothing more`() async throws {
        try await HubFixture.with(redis: SharedRedis.url) { node in
            let first = node.listen(to: topic)
            let second = node.listen(to: topic)
            try await first.receives("state")
            try await second.receives("state")
            first.subscription?.end()
            first.subscription?.end()
            _ = try await node.track("alice", on: topic)
            try await second.receives("diff +alice")
            #expect(!first.words.contains("diff +alice"))
        }
    }

    @Test func `A feed without subscribers retires after its idle time, and the next subscriber gets a new one`()
        async throws
    {
        var options = HubFixture.unhurriedOptions
        options.idleTime = .milliseconds(50)
        try await HubFixture.with(redis: SharedRedis.url, options: options) { node in
            let first = node.listen(to: topic)
            try await first.receives("state")
            first.subscription?.end()
            try await eventually { await node.hub.live(topic) == nil }
            _ = try await node.track("alice", on: topic)
            let second = node.listen(to: topic)
            try await second.receives("state alice")
        }
    }
}
