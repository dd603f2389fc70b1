// Rollcall · PresenceFeed

import NIOCore
package import Presence

/// The recent steps of one topic, from which a stream that comes back with a cursor is told only what it missed.
///
/// Steps are kept as they were published, not as this node coalesced them: a cursor may come from any node.
package struct DiffRing: Sendable {
    /// Steps kept; the oldest goes when another comes.
    package static let maximumSteps = 128
    /// Changes kept over all steps, so that a ring of 500-member batches stays small; the oldest steps go first.
    package static let maximumChanges = 4096

    private var steps: [ReplicaStep] = []
    private var changeCount = 0

    package init() {}

    package mutating func append(_ step: ReplicaStep) {
        if step.from.epoch != step.to.epoch || (steps.last.map { $0.to != step.from } ?? false) {
            steps.removeAll(keepingCapacity: true)
            changeCount = 0
            // Nobody can hold a cursor of the new epoch from before this step.
            if step.from.epoch != step.to.epoch { return }
        }
        steps.append(step)
        changeCount += step.changes.count
        var dropped = 0
        while steps.count - dropped > Self.maximumSteps || changeCount > Self.maximumChanges {
            changeCount -= steps[dropped].changes.count
            dropped += 1
        }
        steps.removeFirst(dropped)
    }

    /// What happened after `cursor`, coalesced; nil if the ring does not reach back to it or never stood there.
    package func changes(after cursor: Cursor) -> Diff? {
        guard let first = steps.firstIndex(where: { $0.from == cursor }) else { return nil }
        var window = DiffWindow(base: .zero)
        for step in steps[first...] { window.add(step) }
        return window.beginFlush(at: .uptimeNanoseconds(0))?.diff
    }
}
