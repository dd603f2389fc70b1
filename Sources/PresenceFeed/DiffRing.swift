// Rollcall · PresenceFeed

package import NIOCore
package import Presence

/// The recent steps of one topic, from which a stream that comes back with a cursor is told only what it missed.
///
/// Steps are kept as they were published, not as this node coalesced them: a cursor may come from any node.
package struct DiffRing: Sendable {
    /// Steps kept; the oldest goes when another comes.
    package static let maximumSteps = 128
    /// Changes kept over all steps, so that a ring of 500-member batches stays small; the oldest steps go first.
    package static let maximumChanges = 4096

    /// What happened after a cursor, coalesced.
    package struct Missed: Sendable {
        package let diff: Diff
        /// When this node stood at the cursor; nil if that was before the oldest step that is kept.
        package let since: NIODeadline?
    }

    private var steps: [(step: ReplicaStep, at: NIODeadline)] = []
    private var changeCount = 0

    package init() {}

    package mutating func append(_ step: ReplicaStep, at now: NIODeadline) {
        if step.from.epoch != step.to.epoch || (steps.last.map { $0.step.to != step.from } ?? false) {
            steps.removeAll(keepingCapacity: true)
            changeCount = 0
            // Nobody can hold a cursor of the new epoch from before this step.
            if step.from.epoch != step.to.epoch { return }
        }
        steps.append((step, now))
        changeCount += step.changes.count
        var dropped = 0
        while steps.count - dropped > Self.maximumSteps || changeCount > Self.maximumChanges {
            changeCount -= steps[dropped].step.changes.count
            dropped += 1
        }
        steps.removeFirst(dropped)
    }

    /// What happened between `cursor` and `end`, where the replica stands; nil if the ring does not reach back to it or
    /// never stood there.
    package func missed(after cursor: Cursor, until end: Cursor) -> Missed? {
        if cursor == end { return Missed(diff: Diff(), since: steps.last?.at) }
        guard let first = steps.firstIndex(where: { $0.step.from == cursor }) else { return nil }
        var window = DiffWindow(base: .zero)
        for (step, _) in steps[first...] { window.add(step) }
        let diff = window.beginFlush(at: .uptimeNanoseconds(0))?.diff ?? Diff()
        return Missed(diff: diff, since: first > 0 ? steps[first - 1].at : nil)
    }
}
