// Rollcall · PresenceFeedTests

import Logging
import NIOCore
import NIOPosix
import PresenceModel
import PresenceFeed
import PresenceStore
import PresenceText
import Redis
import Synchronization
import TestSupport

/// A node's read side on a real Redis, with its events written as short words: `state alice bob`, `diff +eve -bob`.
struct HubFixture {
    let hub: FeedHub
    let store: PresenceStore
    let pool: RedisPool

    static func with(
        redis url: String, prefix: String = uniquePrefix(), options: FeedOptions = unhurriedOptions,
        enricher: EnrichmentSource = .none, _ body: (HubFixture) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let address = try RedisURL(url)
        var redis = RedisOptions()
        redis.scripts = PresenceStore.scripts
        redis.probePrefix = prefix + "probe:"
        // A connection is lost when the server closes it, never because this machine pauses.
        redis.commandTimeout = giveUpTime
        redis.connectTimeout = giveUpTime
        redis.probeTimeout = giveUpTime
        let pool = RedisPool(url: address, options: redis, eventLoopGroup: group, logger: logger)
        let store = PresenceStore(pool: pool, keys: StoreKeys(prefix: prefix))
        // The hub refetches when Redis has acknowledged its subscription.
        let subscriptions = Recorder<Void>()
        var observed = enricher
        observed.refetchAll = {
            enricher.refetchAll()
            subscriptions.record(())
        }
        let hub = FeedHub(
            store: store, redisURL: address, redisOptions: redis, probe: pool, eventLoopGroup: group,
            enricher: observed, options: options, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await pool.run() }
            tasks.addTask { try await hub.run() }
            guard await pool.waitUntilConnected(timeout: giveUpTime * patience) else {
                throw NeverHappened(description: "a connection to \(url)")
            }
            try await eventually("the subscription of the hub") { !subscriptions.all.isEmpty }
            try await body(HubFixture(hub: hub, store: store, pool: pool))
            tasks.cancelAll()
        }
    }

    /// However slow the machine is, it is no outage.
    static var unhurriedOptions: FeedOptions {
        var options = FeedOptions()
        options.degradedDelay = .minutes(10)
        return options
    }

    func track(
        _ name: String, on topic: Topic, meta: String = "{}", owner: StreamOwner? = nil
    ) async throws -> Receipt? {
        let tracking = TrackItem(member: Fixture.member(name), meta: Meta(stored: Array(meta.utf8)))
        return try await store.track([tracking], on: topic, mode: .put, owner: owner).first?.receipt
    }

    func untrack(_ name: String, on topic: Topic) async throws {
        _ = try await store.untrack([UntrackItem(member: Fixture.member(name))], on: topic)
    }

    func listen(
        to topic: Topic, since: Cursor? = nil, reaching: Cursor? = nil, as member: Member? = nil, view: View = .full
    ) -> Listener {
        let listener = Listener()
        listener.subscription = hub.subscribe(
            to: topic, format: FrameFormat(view: view), since: since, reaching: reaching, member: member,
            on: MultiThreadedEventLoopGroup.singleton.next(), deliver: { listener.take($0) })
        return listener
    }
}

/// One subscriber that writes down its events.
final class Listener: Sendable {
    private struct State {
        var words: [String] = []
        var cursor = Cursor.empty
        var subscription: Subscription?
    }

    private let state = Mutex(State())

    var words: [String] { state.withLock { $0.words } }
    var cursor: Cursor { state.withLock { $0.cursor } }
    var subscription: Subscription? {
        get { state.withLock { $0.subscription } }
        set { state.withLock { $0.subscription = newValue } }
    }

    func take(_ event: FeedEvent) {
        state.withLock { state in
            switch event {
            case .state(let frame, let cursor):
                state.words.append(PresenceFeedTests.words(of: frame))
                state.cursor = cursor
            case .diff(let frame, let cursor):
                if let frame { state.words.append(PresenceFeedTests.words(of: frame)) }
                state.cursor = cursor
            case .resumed(let frame, let cursor):
                state.words.append("resumed" + (frame.map { " " + PresenceFeedTests.words(of: $0) } ?? ""))
                state.cursor = cursor
            case .dataChanged(let frame): state.words.append(PresenceFeedTests.words(of: frame))
            case .own(.became): state.words.append("own changed")
            case .own(.left(let reason)): state.words.append("own left:\(reason.rawValue)")
            case .degraded: state.words.append("degraded")
            case .recovered: state.words.append("recovered")
            }
        }
    }

    /// Waits until it got `word`.
    func receives(_ word: String, line: Int = #line) async throws {
        try await eventually("\"\(word)\" after \(words)", line: line) { words.contains(word) }
    }
}
