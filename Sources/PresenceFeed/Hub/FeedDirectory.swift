// Rollcall · PresenceFeed

import Logging
import Metrics
import NIOCore
import PresenceModel
import PresenceStore
import Redis
import Synchronization

/// Finds the feed of a topic or channel, and passes the events of the subscriber connection to feeds.
final class FeedDirectory: Sendable {
    private struct State {
        var byTopic: [Topic: TopicFeed] = [:]
        var byChannel: [ByteBuffer: TopicFeed] = [:]
        /// Whether Redis answers no commands.
        var isAway = false
    }

    private let state = Mutex(State())
    private let gauge = Gauge(label: "rollcall_topics_followed")
    private let invalidations: ByteBuffer
    private let openings: ByteBuffer
    private let revocations: ByteBuffer
    private let enricher: EnrichmentSource
    private let tickets: TicketKeeper?
    private let onRevocations: @Sendable () -> Void
    private let polls: PollInbox?
    private let pollChannel: ByteBuffer?
    private let logger: Logger

    /// - Parameter keys: Names the channel with the keys of changed data, the one with the tickets of streams that were
    ///   opened again, and that of revocations.
    init(
        keys: StoreKeys, enricher: EnrichmentSource, tickets: TicketKeeper?,
        onRevocations: @escaping @Sendable () -> Void, polls: PollInbox?, logger: Logger
    ) {
        invalidations = ByteBuffer(string: keys.invalidations)
        openings = ByteBuffer(string: keys.tickets)
        revocations = ByteBuffer(string: keys.revocationChannel)
        self.enricher = enricher
        self.tickets = tickets
        self.onRevocations = onRevocations
        self.polls = polls
        pollChannel = polls.map { ByteBuffer(string: $0.channel) }
        self.logger = logger
    }

    var all: [TopicFeed] { state.withLock { Array($0.byTopic.values) } }

    func feed(of topic: Topic) -> TopicFeed? { state.withLock { $0.byTopic[topic] } }

    /// The topic's feed, made if there is none.
    ///
    /// `make` subscribes and `remove`'s closure unsubscribes under the lock, so that the two reach the connection in
    /// the order in which feeds come and go; both only enqueue.
    func feed(of topic: Topic, orMake make: () -> TopicFeed) -> TopicFeed {
        state.withLock { state in
            if let feed = state.byTopic[topic] { return feed }
            let feed = make()
            add(feed, to: &state)
            return feed
        }
    }

    /// Makes the feeds that topics lack; none, and false, if that would be more than `maximum` feeds.
    func make(_ topics: [Topic], upTo maximum: Int, _ make: (Topic) -> TopicFeed) -> Bool {
        state.withLock { state in
            let missing = topics.filter { state.byTopic[$0] == nil }
            guard missing.isEmpty || state.byTopic.count + missing.count <= maximum else { return false }
            for topic in missing { add(make(topic), to: &state) }
            return true
        }
    }

    /// Whether the feeds that topics lack could be made.
    func hasRoom(for topics: [Topic], upTo maximum: Int) -> Bool {
        state.withLock { state in
            let missing = topics.count { state.byTopic[$0] == nil }
            return missing == 0 || state.byTopic.count + missing <= maximum
        }
    }

    private func add(_ feed: TopicFeed, to state: inout State) {
        if state.isAway { feed.post(.redisLost) }
        state.byTopic[feed.topic] = feed
        state.byChannel[ByteBuffer(string: feed.channel)] = feed
        gauge.record(state.byTopic.count)
    }

    func remove(_ feed: TopicFeed, unsubscribe: () -> Void) {
        state.withLock { state in
            guard state.byTopic[feed.topic] === feed else { return }
            state.byTopic[feed.topic] = nil
            state.byChannel[ByteBuffer(string: feed.channel)] = nil
            gauge.record(state.byTopic.count)
            unsubscribe()
        }
    }

    func receive(_ payload: ByteBuffer, from channel: ByteBuffer) {
        guard let feed = state.withLock({ $0.byChannel[channel] }) else {
            if channel == invalidations { enricher.invalidate(Invalidation.keys(payload)) }
            if channel == openings { tickets?.receive(payload) }
            if channel == revocations { onRevocations() }
            if channel == pollChannel { polls?.receive(payload) }
            return
        }
        feed.perform { $0.receive(payload) }
    }

    func handle(_ event: SubscriberEvent) {
        switch event {
        case .connected: break
        case .subscribed(invalidations):
            // Invalidations that were published while the node did not listen are lost.
            enricher.refetchAll()
        case .subscribed(openings):
            tickets?.extendSoon()
        case .subscribed(revocations):
            onRevocations()
        case .subscribed(let channel):
            state.withLock { $0.byChannel[channel] }?.post(.acknowledged)
        case .disconnected:
            for feed in all { feed.post(.disconnected) }
        }
    }

    func handle(_ event: PoolEvent) {
        if case .refused = event { return }
        let isAway = event == .lost
        let feeds = state.withLock { state in
            state.isAway = isAway
            return Array(state.byTopic.values)
        }
        for feed in feeds { feed.post(isAway ? .redisLost : .redisReturned) }
    }
}
