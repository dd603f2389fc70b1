// Rollcall · PresenceFeed

package import Logging
package import NIOCore
package import PresenceModel
package import PresenceStore
package import PresenceText
package import Redis
import ServiceLifecycle
import Synchronization

/// All feeds of a node and the connection that brings their messages.
///
/// A topic gets a feed with its first subscriber and keeps it for a while after its last. The hub finds feeds, hands
/// them their messages, loads their snapshots, and compares their positions with Redis.
package final class FeedHub: Service {
    private let store: PresenceStore
    private let options: FeedOptions
    private let enricher: EnrichmentSource
    private let loops: [any EventLoop]
    private let logger: Logger
    private let directory: FeedDirectory
    private let polls: PollInbox?
    private let subscriber: RedisSubscriber
    private let snapshots: SnapshotQueue
    package let replay: ReplayBudget
    /// One comparison serves all requests before it.
    private let comparisons = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let work = FeedWork()
    /// When feeds without subscribers may be given up again for want of room, and when that may be logged again.
    private let nextClearing = Mutex((work: NIODeadline.uptimeNanoseconds(0), log: NIODeadline.uptimeNanoseconds(0)))

    /// - Parameters:
    ///   - tickets: Gets the messages about tickets; nil on a node without streams.
    ///   - onRevocations: Called when revocations have changed, or may have.
    ///   - polls: Gets the messages about long polls; nil on a node without them.
    package init(
        store: PresenceStore, redisURL: RedisURL, redisOptions: RedisOptions, probe: RedisPool,
        eventLoopGroup: any EventLoopGroup, enricher: EnrichmentSource = .none, tickets: TicketKeeper? = nil,
        onRevocations: @escaping @Sendable () -> Void = {}, polls: PollInbox? = nil,
        options: FeedOptions = FeedOptions(), logger: Logger
    ) {
        self.store = store
        self.options = options
        self.enricher = enricher
        self.logger = logger
        replay = ReplayBudget(maximumReplayBytes: options.maximumReplayBytes)
        loops = Array(eventLoopGroup.makeIterator())
        let directory = FeedDirectory(
            keys: store.keys, enricher: enricher, tickets: tickets, onRevocations: onRevocations, polls: polls,
            logger: logger)
        self.directory = directory
        self.polls = polls
        subscriber = RedisSubscriber(
            url: redisURL, options: redisOptions, eventLoopGroup: eventLoopGroup, logger: logger, probe: probe,
            onMessage: { channel, payload in directory.receive(payload, from: channel) },
            onEvent: { event in directory.handle(event) })
        probe.observe { directory.handle($0) }
        snapshots = SnapshotQueue(width: options.snapshots, logger: logger) { feed in
            await Self.restore(feed, to: store, logger)
            return try await store.snapshot(of: feed.topic)
        }
    }

    /// Adds a stream to the audience of a topic.
    ///
    /// Events come on `loop`: `degraded` if the feed is degraded, then a state, or the diff from the stream's cursor.
    ///
    /// - Parameters:
    ///   - reaching: The position that the first event must not lie before: the subscriber's own track.
    ///   - member: The presence that the subscriber stands for; it gets changes of that presence as `own`.
    package func subscribe(
        to topic: Topic, format: FrameFormat, since: Cursor? = nil, reaching: Cursor? = nil, member: Member? = nil,
        on loop: any EventLoop, deliver: @escaping @Sendable (FeedEvent) -> Void
    ) -> Subscription {
        let subscription = Subscription(
            topic: topic, format: format, loop: loop, since: since, reaching: reaching, member: member,
            deliver: deliver,
            onStateRequest: { [directory] in
                let subscription = $0
                directory.feed(of: topic)?.post(.requestState(subscription))
            },
            onEnd: { [directory] in
                let subscription = $0
                directory.feed(of: topic)?.post(.unsubscribe(subscription))
            })
        join(subscription)
        return subscription
    }

    /// Starts to follow topics that a subscriber is about to need, so that its track arrives as a message.
    ///
    /// Returns false, and follows none of those that are new, if the node would follow too many topics.
    package func follow(_ topics: [Topic]) -> Bool {
        guard directory.make(topics, upTo: options.maximumTopics, makeFeed) else {
            clearIdleFeeds()
            return false
        }
        return true
    }

    /// Returns whether ``follow(_:)`` would succeed now; if not, retires the feeds without subscribers.
    package func hasRoom(for topics: [Topic]) -> Bool {
        guard directory.hasRoom(for: topics, upTo: options.maximumTopics) else {
            clearIdleFeeds()
            return false
        }
        return true
    }

    /// Retires all feeds without subscribers, at most once a second.
    private func clearIdleFeeds() {
        let now = NIODeadline.now()
        let (isDue, isLogged) = nextClearing.withLock { next in
            guard now >= next.work else { return (false, false) }
            next.work = now + .seconds(1)
            guard now >= next.log else { return (true, false) }
            next.log = now + .minutes(1)
            return (true, true)
        }
        guard isDue else { return }
        if isLogged {
            logger.warning(
                "feeds: node follows as many topics as it may", metadata: ["maximum": "\(options.maximumTopics)"])
        }
        forEachFeed { $0.handle(.retireIfIdle) }
    }

    /// Does something on the loop of each feed, later: one hop for each loop.
    private func forEachFeed(_ action: @escaping @Sendable (isolated TopicFeed) -> Void) {
        for feeds in Dictionary(grouping: directory.all, by: { ObjectIdentifier($0.loop) }).values {
            feeds[0].loop.execute { for feed in feeds { feed.assumeIsolated(action) } }
        }
    }

    /// A topic as this node's feed knows it; nil if the node does not follow it.
    package func live(_ topic: Topic) async -> LiveRoster? { await directory.feed(of: topic)?.live() }

    /// Sends the changed data of keys to the subscribers of all topics on which they are present.
    ///
    /// Returns when all feeds have the keys; 100 feeds at a time, so that no event loop is blocked for long.
    private func sendChangedData(of keys: Set<Key>) async {
        for feeds in Dictionary(grouping: directory.all, by: { ObjectIdentifier($0.loop) }).values {
            for start in stride(from: 0, to: feeds.count, by: 100) {
                let some = feeds[start..<min(start + 100, feeds.count)]
                let sent = feeds[0].loop.submit {
                    for feed in some { feed.assumeIsolated { $0.handle(.dataChanged(keys)) } }
                }
                do {
                    try await sent.get()
                } catch {
                    logger.debug("feeds: changed data not sent", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    package func run() async throws {
        subscriber.subscribe(store.keys.invalidations)
        subscriber.subscribe(store.keys.tickets)
        subscriber.subscribe(store.keys.revocationChannel)
        if let polls { subscriber.subscribe(polls.channel) }
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.receive() }
                group.addTask { await self.work.run() }
                group.addTask {
                    for await _ in self.replay.overflows {
                        let share = self.replay.share
                        self.forEachFeed { $0.handle(.keepToShare(share)) }
                    }
                }
                group.addTask { await self.snapshots.run() }
                group.addTask { await self.comparePositionsRegularly() }
                group.addTask { for await _ in self.comparisons.stream { await self.comparePositions() } }
                group.addTask { await self.enricher.changes.forEachBatch(self.sendChangedData) }
                await group.waitForAll()
            }
        }
    }

    /// Brings messages until cancelled.
    private func receive() async {
        do {
            try await subscriber.run()
        } catch is CancellationError {
            return
        } catch {
            logger.error("feeds: subscriber connection ended for good", metadata: ["error": "\(error)"])
        }
    }

    /// Restores the lost presences of a topic; after an error, the next snapshot of the topic tries again.
    private static func restore(_ feed: TopicFeed, to store: PresenceStore, _ logger: Logger) async {
        for chunk in await feed.missing.chunks(of: 100) {
            do {
                _ = try await store.restore(Array(chunk), on: feed.topic)
            } catch {
                return logger.debug("feeds: lost presences not restored yet", metadata: ["error": "\(error)"])
            }
        }
    }

    private func join(_ subscription: Subscription) {
        let feed = feed(for: subscription.topic)
        feed.perform { isolated in
            if !isolated.add(subscription) { self.join(subscription) }
        }
    }

    private func feed(for topic: Topic) -> TopicFeed {
        directory.feed(of: topic) { makeFeed(for: topic) }
    }

    private func makeFeed(for topic: Topic) -> TopicFeed {
        let channel = store.keys.channel(of: topic)
        let loop = loops[Int(truncatingIfNeeded: UInt(bitPattern: topic.hashValue) % UInt(loops.count))]
        subscriber.subscribe(channel)
        return TopicFeed(
            topic: topic, channel: channel, loop: loop, options: options, replay: replay,
            enricher: enricher, work: work, logger: logger,
            requestSnapshot: { [snapshots] in snapshots.add($0, ticket: $1) },
            retire: { [directory, subscriber] feed in directory.remove(feed) { subscriber.unsubscribe(channel) } })
    }

    /// A message that was lost with none after it leaves no gap: only Redis' own position shows it.
    private func comparePositionsRegularly() async {
        while !Task.isCancelled {
            let pause = options.positionCheck.nanoseconds + .random(in: 0...options.positionCheck.nanoseconds)
            try? await Task.sleep(for: .nanoseconds(pause))
            comparePositionsSoon()
        }
    }

    /// Has all positions compared with Redis, which may have lost what it held.
    package func comparePositionsSoon() { comparisons.continuation.yield() }

    private func comparePositions() async {
        let feeds = directory.all
        for start in stride(from: 0, to: feeds.count, by: 500) {
            await comparePositions(of: Array(feeds[start..<min(start + 500, feeds.count)]))
        }
    }

    private func comparePositions(of feeds: [TopicFeed]) async {
        let positions: [Result<Cursor, StoreError>]
        do {
            positions = try await store.positions(of: feeds.map(\.topic))
        } catch {
            return logger.debug("feeds: positions not compared", metadata: ["error": "\(error)"])
        }
        var behind: [(TopicFeed, Cursor)] = []
        for (feed, position) in zip(feeds, positions) {
            switch position {
            case .success(let position): if await !feed.hasReached(position) { behind.append((feed, position)) }
            case .failure(let error):
                logger.debug(
                    "feeds: a position cannot be read", metadata: ["topic": "\(feed.topic)", "error": "\(error)"])
            }
        }
        guard !behind.isEmpty else { return }
        // The messages may be on their way.
        try? await Task.sleep(for: .milliseconds(200))
        for (feed, position) in behind where await !feed.hasReached(position) {
            logger.debug("feeds: messages missed, loading a snapshot", metadata: ["topic": "\(feed.topic)"])
            feed.post(.positionDiffers)
        }
    }
}
