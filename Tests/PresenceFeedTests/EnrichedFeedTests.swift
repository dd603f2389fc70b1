// Rollcall · PresenceFeedTests

import NIOCore
import NIOPosix
import PresenceModel
import PresenceFeed
import PresenceStore
import PresenceText
import Redis
import Synchronization
import TestSupport
import Testing

@Suite("Feeds that a hook enriches")
struct EnrichedFeedTests {
    private let topic: Topic

    private let options: FeedOptions

    init() throws {
        topic = try Topic("room:lobby")
        var options = FeedOptions()
        // A slow machine is no outage.
        options.degradedDelay = .minutes(10)
        options.dataChangeSlack = .nanoseconds(0)
        self.options = options
    }

    /// A hook with answers by the test: data by key, known at once, fetched, or failing.
    private final class Source: Sendable {
        struct State {
            var data: [String: String] = [:]
            var known: Set<String> = []
            var isDown = false
            var fetches: [[String]] = []
            var gate: [CheckedContinuation<Void, Never>]?
        }
        let state = Mutex(State())
        let changes = ChangedKeys()

        var enricher: EnrichmentSource {
            EnrichmentSource(
                applies: { _ in true }, known: { keys, _, _ in self.known(keys) },
                fetch: { keys, _, _, _ in await self.fetch(keys) },
                invalidate: { keys in self.state.withLock { $0.known.subtract(keys.map(\.text)) } },
                changes: changes)
        }

        private func known(_ keys: [Key]) -> EnrichmentFields? {
            state.withLock { state in
                keys.allSatisfy { state.known.contains($0.text) } ? Self.fields(keys, state.data) : nil
            }
        }

        private func fetch(_ keys: [Key]) async -> EnrichmentFields {
            state.withLock { $0.fetches.append(keys.map(\.text).sorted()) }
            await withCheckedContinuation { continuation in
                let waits = state.withLock { state in
                    state.gate?.append(continuation)
                    return state.gate != nil
                }
                if !waits { continuation.resume() }
            }
            return state.withLock { state in
                if state.isDown { return Self.fields(keys, nil) }
                state.known.formUnion(keys.map(\.text))
                return Self.fields(keys, state.data)
            }
        }

        func open() {
            let waiting = state.withLock { state in
                defer { state.gate = nil }
                return state.gate ?? []
            }
            for continuation in waiting { continuation.resume() }
        }

        private static func fields(_ keys: [Key], _ data: [String: String]?) -> EnrichmentFields {
            var fields = EnrichmentFields()
            for key in keys {
                let field = data?[key.text].map { ("user", Array($0.utf8)) }
                fields.set(field.map { [$0] } ?? [], isComplete: data != nil, for: key)
            }
            return fields
        }
    }

    @Test func `States and diffs carry the data, asked for once for all subscribers`() async throws {
        let source = Source()
        source.state.withLock { $0.data = ["alice": "1", "bob": "2"] }
        try await HubFixture.with(redis: SharedRedis.url, options: options, enricher: source.enricher) { node in
            let alice = try await node.track("alice", on: topic)
            let listeners = (0..<3).map { _ in node.listen(to: topic, reaching: alice?.cursor) }
            for listener in listeners { try await listener.receives("state alice=1") }
            _ = try await node.track("bob", on: topic)
            for listener in listeners { try await listener.receives("diff +bob=2") }
            #expect(source.state.withLock { $0.fetches } == [["alice"], ["bob"]])
        }
    }

    @Test func `While the hook is awaited changes are collected, and then sent in their order`() async throws {
        let source = Source()
        try await HubFixture.with(redis: SharedRedis.url, options: options, enricher: source.enricher) { node in
            let listener = node.listen(to: topic)
            try await listener.receives("state")
            source.state.withLock { $0.gate = [] }
            _ = try await node.track("alice", on: topic)
            try await eventually("a fetch") { source.state.withLock { $0.gate?.count == 1 } }
            _ = try await node.track("bob", on: topic)
            let carol = try await node.track("carol", on: topic)
            try await eventually("the messages") { await node.hub.live(topic)?.cursor == carol?.cursor }
            // The data of the next flush is fetched already: its time counts from the change.
            try await eventually("fetches") { source.state.withLock { $0.fetches.contains(["bob"]) } }
            let late = node.listen(to: topic)
            #expect(listener.words == ["state"])
            source.open()
            try await listener.receives("diff +bob +carol")
            #expect(listener.words == ["state", "diff +alice", "diff +bob +carol"])
            try await late.receives("state alice bob carol")
        }
    }

    @Test func `A subscriber that ends while the hook is awaited gets nothing, and delays no other`() async throws {
        let source = Source()
        try await HubFixture.with(redis: SharedRedis.url, options: options, enricher: source.enricher) { node in
            let alice = try await node.track("alice", on: topic)
            source.state.withLock { $0.gate = [] }
            let gone = node.listen(to: topic, reaching: alice?.cursor)
            let stays = node.listen(to: topic, reaching: alice?.cursor)
            try await eventually("a fetch") { source.state.withLock { $0.gate?.isEmpty == false } }
            gone.subscription?.end()
            source.open()
            try await stays.receives("state alice")
            _ = try await node.track("bob", on: topic)
            try await stays.receives("diff +bob")
            #expect(gone.words == [])
        }
    }

    @Test func `Entries that were sent without data are sent again when the data is there, and only then`() async throws
    {
        let source = Source()
        source.state.withLock { ($0.data, $0.isDown) = (["alice": "1"], true) }
        try await HubFixture.with(redis: SharedRedis.url, options: options, enricher: source.enricher) { node in
            let alice = try await node.track("alice", on: topic)
            let listener = node.listen(to: topic, reaching: alice?.cursor)
            try await listener.receives("state alice!")
            source.changes.add([Fixture.member("alice").key])
            try await eventually("an attempt in vain") { source.state.withLock { $0.fetches.count > 1 } }
            source.state.withLock { $0.isDown = false }
            source.changes.add([Fixture.member("alice").key])
            try await listener.receives("renewed alice=1")
            #expect(listener.words == ["state alice!", "renewed alice=1"])
        }
    }

    @Test func `Changed data is sent on every topic with the key, and to a stream that resumes`()
        async throws
    {
        let source = Source()
        source.state.withLock { $0.data = ["alice": "1"] }
        let other = try Topic("other")
        try await HubFixture.with(redis: SharedRedis.url, options: options, enricher: source.enricher) { node in
            let here = try await node.track("alice", on: topic)
            let there = try await node.track("alice", on: other)
            let empty = node.listen(to: try Topic("empty"))
            let listeners = [
                node.listen(to: topic, reaching: here?.cursor), node.listen(to: other, reaching: there?.cursor),
            ]
            for listener in listeners { try await listener.receives("state alice=1") }
            try await empty.receives("state")
            // From here on the feed can say when it stood at its cursor.
            _ = try await node.track("bob", on: topic)
            try await listeners[0].receives("diff +bob")
            let gone = listeners[0]
            gone.subscription?.end()
            source.state.withLock { ($0.data, $0.known) = (["alice": "2"], []) }
            source.changes.add([Fixture.member("alice").key, Fixture.member("absent").key])
            try await listeners[1].receives("renewed alice=2")
            let back = node.listen(to: topic, since: gone.cursor)
            try await back.receives("renewed alice=2")
            #expect(back.words == ["resumed", "renewed alice=2"])
            #expect(gone.words == ["state alice=1", "diff +bob"] && empty.words == ["state"])
        }
    }

    @Test func `Keys that any node announces are invalid on all nodes`() async throws {
        let (one, two) = (Source(), Source())
        let prefix = uniquePrefix()
        let url = try await SharedRedis.url
        try await HubFixture.with(redis: url, prefix: prefix, options: options, enricher: one.enricher) { first in
            try await HubFixture.with(redis: url, prefix: prefix, options: options, enricher: two.enricher) { _ in
                for source in [one, two] { source.state.withLock { $0.known = ["ü b", "c", "kept"] } }
                try await first.store.announce(changed: [Key("ü b"), Key("c")])
                for source in [one, two] {
                    try await eventually { source.state.withLock { $0.known == ["kept"] } }
                }
            }
        }
    }

    /// phoenix.js folds a state by refs alone: a client that has them needs a diff with the data.
    @Test func `A stream that resumes on a feed that does not know what it missed gets the data of all keys`()
        async throws
    {
        let source = Source()
        source.state.withLock { $0.data = ["alice": "2"] }
        try await HubFixture.with(redis: SharedRedis.url, options: options, enricher: source.enricher) { node in
            let alice = try await node.track("alice", on: topic)
            let back = node.listen(to: topic, since: alice?.cursor)
            try await back.receives("renewed alice=2")
            #expect(back.words == ["resumed", "renewed alice=2"])
            let stranger = node.listen(to: topic, since: Fixture.at(7))
            try await stranger.receives("renewed alice=2")
            #expect(stranger.words == ["state alice=2", "renewed alice=2"])
            let counting = node.listen(to: topic, since: alice?.cursor, view: .count)
            try await counting.receives("resumed")
        }
    }

    @Test func `A stream that resumes while changed data is about to be sent gets it, too`() async throws {
        let source = Source()
        source.state.withLock { $0.data = ["alice": "1"] }
        var options = options
        options.diffWindow = .milliseconds(300)
        try await HubFixture.with(redis: SharedRedis.url, options: options, enricher: source.enricher) { node in
            let listener = node.listen(to: topic)
            try await listener.receives("state")
            _ = try await node.track("alice", on: topic)
            try await listener.receives("diff +alice=1")
            let cursor = listener.cursor
            _ = try await node.track("bob", on: topic)
            source.state.withLock { $0.data = ["alice": "2"] }
            source.changes.add([Fixture.member("alice").key])
            let back = node.listen(to: topic, since: cursor)
            try await listener.receives("renewed alice=2")
            try await eventually("the news after \(back.words)") {
                back.words.contains { $0.hasPrefix("renewed alice=2") }
            }
        }
    }

    @Test func `A subscriber that loses its queue while the hook is awaited gets one state`() async throws {
        let source = Source()
        try await HubFixture.with(redis: SharedRedis.url, options: options, enricher: source.enricher) { node in
            let alice = try await node.track("alice", on: topic)
            source.state.withLock { $0.gate = [] }
            let listener = node.listen(to: topic, reaching: alice?.cursor)
            try await eventually("a fetch") { source.state.withLock { $0.gate?.isEmpty == false } }
            listener.subscription?.requestState()
            source.open()
            try await listener.receives("state alice")
            _ = try await node.track("bob", on: topic)
            try await listener.receives("diff +bob")
            #expect(listener.words == ["state alice", "renewed alice", "diff +bob"])
        }
    }

    @Test func `A change of a stream's own presence while the hook is awaited comes with the first event`()
        async throws
    {
        let source = Source()
        try await HubFixture.with(redis: SharedRedis.url, options: options, enricher: source.enricher) { node in
            let alice = try await node.track("alice", on: topic)
            source.state.withLock { $0.gate = [] }
            let member = Fixture.member("alice")
            let listener = node.listen(to: topic, reaching: alice?.cursor, as: member)
            try await eventually("a fetch") { source.state.withLock { $0.gate?.isEmpty == false } }
            try await node.untrack("alice", on: topic)
            try await eventually { await node.hub.live(topic)?.roster.isEmpty == true }
            source.open()
            try await listener.receives("own left:untracked")
        }
    }
}
