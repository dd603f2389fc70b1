// Rollcall · PresenceFeedTests

import LocalServices
import NIOCore
import PresenceModel
import PresenceFeed
import PresenceStore
import Redis
import Synchronization
import TestSupport
import Testing

@Suite("What feeds may hold")
struct FeedBoundsTests {
    private final class Feed: Sendable {}

    private let topic: Topic

    init() throws { topic = try Topic("room:lobby") }

    @Test func `a topic waits once for a snapshot, however often it asks, with its last request`() {
        var requests = SnapshotRequests<Feed>()
        let (first, second) = (Feed(), Feed())
        for ticket in 1...1000 { requests.add(first, ticket: ticket) }
        requests.add(second, ticket: 7)
        requests.add(first, ticket: 1001)
        let next = requests.next()
        #expect(next?.feed === first && next?.ticket == 1001)
        let last = requests.next()
        let none = requests.next()
        #expect(last?.feed === second && none == nil)
    }

    @Test func `malformed messages of a topic cost one snapshot a second and one log line a minute`() {
        var refusals = MalformedMessages()
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        #expect(refusals.add(at: start) == .init(logged: 1, loads: true))
        for _ in 0..<100 { #expect(refusals.add(at: start + .milliseconds(900)) == .init(logged: nil, loads: false)) }
        #expect(refusals.add(at: start + .seconds(1)) == .init(logged: nil, loads: true))
        #expect(refusals.add(at: start + .minutes(1)) == .init(logged: 102, loads: true))
    }

    @Test func `over the bound of all topics each keeps an equal share`() {
        let budget = ReplayBudget(maximumReplayBytes: 1000)
        #expect(budget.change(from: 0, to: 600) == nil)
        #expect(budget.change(from: 0, to: 400) == nil && budget.countedBytes == 1000)
        #expect(budget.change(from: 400, to: 700) == 375)
        #expect(budget.change(from: 700, to: 500) == nil, "less is never too much")
        #expect(budget.change(from: 600, to: 0) == nil && budget.countedBytes == 500)
        #expect(budget.share == 750)
    }

    @Test func `a faulty publisher costs a topic one snapshot, and its changes still arrive`() async throws {
        try await withLocalRedis { redis in
            try await HubFixture.with(redis: redis.url) { node in
                let listener = node.listen(to: topic)
                try await listener.receives("state")
                let channel = node.store.keys.channel(of: topic)
                let start = ContinuousClock.now
                let bad = Array(repeating: RedisCommand("PUBLISH", [.string(channel), "garbage"]), count: 2_000)
                _ = try await node.pool.connection().send(bad)
                let alice = try await node.track("alice", on: topic)
                try await eventually { listener.cursor == alice?.cursor }
                let info = try await node.pool.connection().send(RedisCommand("INFO", ["commandstats"])).string
                let calls = info?.firstMatch(of: /cmdstat_hgetall:calls=(\d+),/).flatMap { Int($0.1) } ?? 0
                // Malformed messages cost one snapshot a second.
                let seconds = Int(start.duration(to: .now).components.seconds)
                #expect((1...4 + seconds).contains(calls), "\(calls) snapshots")
            }
        }
    }

    @Test func `the copy of a topic has the presences that a full Redis took, and no other`() async throws {
        try await withLocalRedis { redis in
            try await HubFixture.with(redis: redis.url) { node in
                let listener = node.listen(to: topic)
                try await listener.receives("state")
                let connection = try node.pool.connection()
                let info = try await connection.send(RedisCommand("INFO", ["memory"])).string
                let used = info?.firstMatch(of: /used_memory:(\d+)/).flatMap { Int($0.1) } ?? 0
                #expect(used > 0)
                let room = RedisArgument.string("\(used + (8 << 20))")
                _ = try await connection.send(RedisCommand("CONFIG", ["SET", "maxmemory", room]))
                let meta = Meta(stored: Array("{\"x\":\"\(String(repeating: "x", count: 4000))\"}".utf8))
                var tracked = 0
                var refusal: StoreError?
                while refusal == nil, tracked < 10_000 {
                    let names = (tracked..<tracked + 100).map { "user\($0)" }
                    let items = names.map { TrackItem(member: Fixture.member($0), meta: meta) }
                    do throws(StoreError) {
                        _ = try await node.store.track(items, on: topic, mode: .put)
                        tracked += items.count
                    } catch {
                        refusal = error
                    }
                }
                #expect(refusal?.code == .outOfMemory && tracked > 100)
                #expect(try await node.store.counts(of: topic).counts.presences == tracked)
                try await eventually { await node.hub.live(topic)?.roster.presenceCount == tracked }
            }
        }
    }

    @Test func `streams that resume get a state where the replay budget is used up`() async throws {
        var options = FeedOptions()
        options.maximumReplayBytes = 40_000
        try await HubFixture.with(redis: SharedRedis.url, options: options) { node in
            let other = try Topic("room:other")
            let meta = "{\"x\":\"\(String(repeating: "x", count: 1000))\"}"
            let listeners = [node.listen(to: topic), node.listen(to: other)]
            for listener in listeners { try await listener.receives("state") }
            let first = try await node.track("alice", on: topic, meta: meta)
            for number in 0..<60 {
                for (place, listener) in zip([topic, other], listeners) {
                    let receipt = try await node.track("user\(number)", on: place, meta: meta)
                    try await eventually { listener.cursor == receipt?.cursor }
                }
            }
            try await eventually("the bound") { node.hub.replay.countedBytes <= 40_000 }
            #expect(node.hub.replay.countedBytes > 10_000)
            let late = node.listen(to: topic, since: first?.cursor)
            try await eventually { late.words.first?.hasPrefix("state alice") == true }
            // The last changes of both topics are still there.
            let recent = node.listen(to: other, since: listeners[1].cursor)
            try await recent.receives("resumed")
            for listener in listeners + [late, recent] { listener.subscription?.end() }
            #expect(node.hub.replay.countedBytes <= 40_000)
        }
    }

    @Test func `subscribers wait for a large state until there is room, and then share one`() async throws {
        let hasRoom = Mutex(true)
        var options = FeedOptions()
        options.roomCheck = .milliseconds(20)
        options.makeRoom = { hasRoom.withLock { $0 } }
        try await HubFixture.with(redis: SharedRedis.url, options: options) { node in
            let first = node.listen(to: topic)
            try await first.receives("state")
            let names = (0..<1100).map { "user\($0)" }
            let items = names.map { TrackItem(member: Fixture.member($0)) }
            _ = try await node.store.track(items, on: topic, mode: .put)
            try await eventually { await node.hub.live(topic)?.roster.keyCount == 1100 }
            hasRoom.withLock { $0 = false }
            let second = node.listen(to: topic)
            let alice = try await node.track("alice", on: topic)
            try await eventually("alice") { first.cursor == alice?.cursor }
            let third = node.listen(to: topic)
            let bob = try await node.track("bob", on: topic)
            try await eventually("bob") { first.cursor == bob?.cursor }
            #expect(second.words.isEmpty && third.words.isEmpty, "earlier subscribers wait for nothing")
            hasRoom.withLock { $0 = true }
            for listener in [second, third] {
                try await eventually { listener.words.first?.hasPrefix("state alice bob") == true }
            }
        }
    }

    @Test func `a stream that resumes needs no room for a state`() async throws {
        var options = FeedOptions()
        options.makeRoom = { false }
        try await HubFixture.with(redis: SharedRedis.url, options: options) { node in
            let first = node.listen(to: topic)
            try await first.receives("state")
            let cursor = try await fill(node, first)
            let other = node.listen(to: topic)
            let alice = try await node.track("alice", on: topic)
            try await eventually { first.cursor == alice?.cursor }
            let back = node.listen(to: topic, since: cursor)
            try await eventually { back.words.contains { $0.contains("+alice") } }
            #expect(back.words.first?.hasPrefix("resumed") == true)
            #expect(other.words.isEmpty)
        }
    }

    @Test func `a subscriber that waited long enough gets a large state though there is no room`() async throws {
        var options = FeedOptions()
        options.roomCheck = .milliseconds(20)
        options.roomWait = .milliseconds(500)
        options.makeRoom = { false }
        try await HubFixture.with(redis: SharedRedis.url, options: options) { node in
            let first = node.listen(to: topic)
            try await first.receives("state")
            _ = try await fill(node, first)
            let start = ContinuousClock.now
            let second = node.listen(to: topic)
            try await eventually { second.words.first?.hasPrefix("state user0") == true }
            #expect(ContinuousClock.now - start >= .milliseconds(400))
        }
    }

    /// Tracks presences of which a state is large; returns the cursor at which a listener has been sent all.
    private func fill(_ node: HubFixture, _ listener: Listener) async throws -> Cursor? {
        let items = (0..<1100).map { TrackItem(member: Fixture.member("user\($0)")) }
        _ = try await node.store.track(items, on: topic, mode: .put)
        try await eventually { await node.hub.live(topic)?.roster.keyCount == 1100 }
        let last = try await node.track("user0", on: topic, meta: #"{"x":1}"#)
        try await eventually { listener.cursor == last?.cursor }
        return last?.cursor
    }

    @Test func `a hub follows no more topics than it may, all of a request or none`() async throws {
        var options = FeedOptions()
        options.maximumTopics = 3
        options.emptyIdleTime = .minutes(10)
        try await HubFixture.with(redis: SharedRedis.url, options: options) { node in
            let topics = try (0..<5).map { try Topic("t\($0)") }
            let listener = node.listen(to: topics[0])
            try await listener.receives("state")
            #expect(node.hub.follow([topics[0], topics[1]]))
            #expect(!node.hub.follow([topics[2], topics[3]]))
            // Feeds that no stream follows make room, and the one that a stream follows stays.
            try await eventually("room") { node.hub.hasRoom(for: [topics[2], topics[3]]) }
            #expect(node.hub.follow([topics[2], topics[3]]))
            _ = try await node.track("alice", on: topics[0])
            try await listener.receives("diff +alice")
        }
    }
}
