// Rollcall · PresenceFeed

import Metrics
import Synchronization

/// Bounds the bytes that all topics of a node keep for streams that resume.
///
/// Over the bound every topic keeps at most an equal share: its oldest steps are dropped, and a stream that needs them
/// gets a state.
package final class ReplayBudget: Sendable {
    package let maximumReplayBytes: Int
    private let bytes = Atomic(0)
    /// Topics that keep anything.
    private let topics = Atomic(0)
    private let gauge = Gauge(label: "rollcall_replay_bytes")
    /// Asks the hub to have all topics keep to their share; one request serves all before it.
    let overflows: AsyncStream<Void>
    private let overflow: AsyncStream<Void>.Continuation

    package init(maximumReplayBytes: Int) {
        self.maximumReplayBytes = maximumReplayBytes
        (overflows, overflow) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        gauge.record(0)
    }

    package var countedBytes: Int { bytes.load(ordering: .relaxed) }

    /// The bytes that each topic may keep after the bound was exceeded.
    ///
    /// All shares together are three quarters of the bound, so that the next message does not exceed it again.
    package var share: Int { maximumReplayBytes / 4 * 3 / max(1, topics.load(ordering: .relaxed)) }

    /// Replaces the counted bytes of a topic; returns its share if all topics together exceed the bound.
    ///
    /// Called for each message of a topic, on its event loop.
    package func change(from old: Int, to new: Int) -> Int? {
        guard new != old else { return nil }
        if old == 0 { topics.add(1, ordering: .relaxed) }
        if new == 0 { topics.subtract(1, ordering: .relaxed) }
        let total = bytes.add(new - old, ordering: .relaxed).newValue
        // To the nearest 64 KiB: writing each change would cost every message a lock.
        if total >> 16 != (total - new + old) >> 16 || new == 0 { gauge.record(total) }
        guard total > maximumReplayBytes, new > old else { return nil }
        overflow.yield()
        return share
    }
}

/// The share of one topic in the budget of its node.
///
/// It is owned by the feed of the topic and used on its event loop.
struct KeptBytes {
    private let budget: ReplayBudget
    /// As counted last.
    private var bytes = 0

    init(of budget: ReplayBudget) { self.budget = budget }

    /// Counts what the topic keeps now; returns the share that it must keep to if all topics keep too much.
    mutating func count(_ new: Int) -> Int? {
        defer { bytes = new }
        return budget.change(from: bytes, to: new)
    }
}
