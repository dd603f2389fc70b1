// Rollcall · PresenceFeedTests

import NIOCore
import NIOPosix
import Presence
import PresenceStore
import TestSupport
import Testing

@testable import PresenceFeed

@Suite("A feed while Redis is away")
struct FeedOutageTests {
    @Test func `a stream that waits for the hook while Redis comes back hears of that`() async throws {
        let topic = try Topic("room")
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let (answers, answer) = AsyncStream.makeStream(of: Void.self)
        let enricher = EnrichmentSource(
            applies: { _ in true }, known: { _, _, _ in nil },
            fetch: { _, _, _, _ in
                for await _ in answers { break }
                return .none
            })
        let encoder = FeedEncoder(
            state: { _, _ in ByteBuffer(string: "state") }, diff: { _, _, _ in nil }, renewal: { _, _, _ in nil })
        var options = FeedOptions()
        options.patience = .milliseconds(10)
        let work = FeedWork()
        let running = Task { await work.run() }
        let feed = TopicFeed(
            topic: topic, channel: "room", loop: loop, options: options, encoder: encoder, enricher: enricher,
            work: work,
            requestSnapshot: { feed, ticket in
                feed.perform {
                    $0.load(Fixture.snapshot(Fixture.at(1), ["alice": Fixture.presence()]), ticket: ticket)
                }
            }, retire: { _ in })
        // Its messages come, but Redis answers no commands.
        feed.perform {
            $0.acknowledged()
            $0.redisWent()
        }
        try await eventually("a degraded feed that is live") {
            guard await feed.isDegraded else { return false }
            return await feed.live() != nil
        }

        let listener = Listener()
        let subscription = Subscription(
            topic: topic, format: FrameFormat(view: .full), loop: loop, since: nil, reaching: nil, member: nil,
            deliver: { listener.take($0) }, onStateRequest: { _ in }, onEnd: { _ in })
        feed.perform { _ = $0.add(subscription) }
        try await eventually("a flush that waits for the hook") { await feed.isFlushing }
        feed.perform { $0.redisCame() }
        answer.yield()
        try await eventually("the end of the outage after \(listener.words)") {
            listener.words == ["degraded", "state", "recovered"]
        }
        running.cancel()
        await running.value
    }
}
