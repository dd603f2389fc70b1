// Rollcall · PresenceFeed

import Logging
import NIOCore
import PresenceModel
import PresenceStore
import Synchronization

/// Loads the snapshots that feeds ask for, a few at a time: after Redis was away every feed asks at once.
final class SnapshotQueue: Sendable {
    private let requests = Mutex(SnapshotRequests<TopicFeed>())
    private let signal = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let fetch: @Sendable (TopicFeed) async throws -> Snapshot
    private let width: Int
    private let logger: Logger

    init(width: Int, logger: Logger, fetch: @escaping @Sendable (TopicFeed) async throws -> Snapshot) {
        self.width = width
        self.logger = logger
        self.fetch = fetch
    }

    func add(_ feed: TopicFeed, ticket: Int) {
        requests.withLock { $0.add(feed, ticket: ticket) }
        signal.continuation.yield()
    }

    /// Works until cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await _ in signal.stream {
                while let (feed, ticket) = requests.withLock({ $0.next() }) {
                    if running == width {
                        await group.next()
                        running -= 1
                    }
                    running += 1
                    group.addTask { await self.load(feed, ticket: ticket) }
                }
            }
        }
    }

    private func load(_ feed: TopicFeed, ticket: Int) async {
        guard await feed.awaits(ticket) else { return }
        do {
            let snapshot = try await fetch(feed)
            await feed.handle(.snapshot(snapshot, ticket: ticket))
        } catch {
            logger.debug(
                "feeds: snapshot failed, retrying", metadata: ["topic": "\(feed.topic)", "error": "\(error)"])
            // The feed still loads; other feeds use its place here while it waits.
            feed.loop.scheduleTask(in: .milliseconds(.random(in: 100...400))) {
                self.add(feed, ticket: ticket)
            }
        }
    }
}
