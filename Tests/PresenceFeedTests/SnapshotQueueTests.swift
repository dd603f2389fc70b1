// Rollcall · PresenceFeedTests

import Logging
import NIOCore
import NIOPosix
import PresenceModel
import PresenceStore
import Synchronization
import TestSupport
import Testing

@testable import PresenceFeed

@Suite("The queue of snapshots")
struct SnapshotQueueTests {
    /// Counts the loads, which wait for ``open()``.
    private final class Loads: Sendable {
        private let state = Mutex((now: 0, most: 0, ended: 0, isOpen: false))

        var now: Int { state.withLock { $0.now } }
        var most: Int { state.withLock { $0.most } }
        var ended: Int { state.withLock { $0.ended } }
        var isOpen: Bool { state.withLock { $0.isOpen } }

        func begin() {
            state.withLock { state in
                state.now += 1
                state.most = max(state.most, state.now)
            }
        }

        func end() {
            state.withLock { state in
                state.now -= 1
                state.ended += 1
            }
        }

        func open() { state.withLock { $0.isOpen = true } }
    }

    @Test func `eight snapshots are loaded at once, and the topics behind them wait`() async throws {
        var options = FeedOptions()
        #expect(options.snapshots == 8)
        options.idleTime = .minutes(10)
        options.emptyIdleTime = .minutes(10)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let loads = Loads()
        let queue = SnapshotQueue(width: options.snapshots, logger: logger) { _ in
            loads.begin()
            defer { loads.end() }
            try await eventually("the end of the wait") { loads.isOpen }
            return Fixture.snapshot(.empty, [:])
        }
        let (replay, work) = (ReplayBudget(maximumReplayBytes: options.maximumReplayBytes), FeedWork())
        var feeds: [TopicFeed] = []
        for number in 0..<40 {
            let topic = try Topic("t\(number)")
            feeds.append(
                TopicFeed(
                    topic: topic, channel: topic.text, loop: MultiThreadedEventLoopGroup.singleton.next(),
                    options: options, replay: replay, enricher: .none, work: work, logger: logger,
                    requestSnapshot: { queue.add($0, ticket: $1) }, retire: { _ in }))
        }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await queue.run() }
            for feed in feeds { feed.post(.acknowledged) }
            try await eventually("eight loads") { loads.now == 8 }
            loads.open()
            for feed in feeds { try await eventually("a snapshot") { await feed.live() != nil } }
            #expect(loads.most == 8 && loads.ended == 40)
            tasks.cancelAll()
        }
    }
}
