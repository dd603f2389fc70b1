// Rollcall · PresenceFeed

import Logging
import NIOCore
import PresenceStore

/// Loads the snapshots that feeds ask for, a few at a time: after Redis was away every feed asks at once.
final class SnapshotQueue: Sendable {
    private struct Request {
        let feed: TopicFeed
        let ticket: Int
    }

    private let requests: AsyncStream<Request>
    private let sink: AsyncStream<Request>.Continuation
    private let fetch: @Sendable (TopicFeed) async throws -> Snapshot
    private let width: Int
    private let logger: Logger

    init(width: Int, logger: Logger, fetch: @escaping @Sendable (TopicFeed) async throws -> Snapshot) {
        // Holds a feed once for each time it began to load: a handful a feed at the most, as a feed that is loading
        // asks again only after an answer.
        (requests, sink) = AsyncStream.makeStream()
        self.width = width
        self.logger = logger
        self.fetch = fetch
    }

    func add(_ feed: TopicFeed, ticket: Int) { sink.yield(Request(feed: feed, ticket: ticket)) }

    /// Works until cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            var iterator = requests.makeAsyncIterator()
            for _ in 0..<width {
                guard let request = await iterator.next() else { return }
                group.addTask { await self.load(request) }
            }
            while await group.next() != nil, let request = await iterator.next() {
                group.addTask { await self.load(request) }
            }
        }
    }

    private func load(_ request: Request) async {
        let feed = request.feed
        guard await feed.awaits(request.ticket) else { return }
        do {
            let snapshot = try await fetch(feed)
            await feed.load(snapshot, ticket: request.ticket)
        } catch {
            logger.debug("Snapshot failed; trying again", metadata: ["error": "\(error)"])
            // The feed goes on loading; its place here goes to others while it waits.
            feed.loop.scheduleTask(in: .milliseconds(.random(in: 100...400))) {
                self.add(feed, ticket: request.ticket)
            }
        }
    }
}
