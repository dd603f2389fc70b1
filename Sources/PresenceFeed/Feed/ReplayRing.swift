// Rollcall · PresenceFeed

package import NIOCore
package import PresenceModel

/// The recent steps of one topic, from which a stream that resumes gets only the changes that it missed.
///
/// Steps are kept as they were published, not as this node coalesced them: a cursor may come from any node.
package struct ReplayRing: Sendable {
    /// Steps kept; at the bound the oldest is dropped.
    package static let maximumSteps = 128
    /// Changes kept over all steps, so that a ring of 500-member batches stays small; the oldest steps go first.
    package static let maximumChanges = 4096
    /// Bytes of names and metas kept over all steps; the oldest steps go first, and a step that is larger is not kept.
    package static let maximumBytes = 4 << 20

    /// The changes after a cursor, coalesced.
    package struct Missed: Sendable {
        package let diff: Diff
        /// When this node stood at the cursor; nil if that was before the oldest step that is kept.
        package let since: NIODeadline?
    }

    private struct Kept {
        let step: ReplicaStep
        let at: NIODeadline
        let bytes: Int
    }

    private var steps: [Kept] = []
    private var changeCount = 0
    /// At least the bytes of the steps: a meta that two steps share counts in both.
    package private(set) var bytes = 0

    package init() {}

    package mutating func append(_ step: ReplicaStep, at now: NIODeadline) {
        if step.from.epoch != step.to.epoch || (steps.last.map { $0.step.to != step.from } ?? false) {
            clear()
            // No client has a cursor of the new epoch from before this step.
            if step.from.epoch != step.to.epoch { return }
        }
        let kept = Kept(step: step, at: now, bytes: step.bytes)
        steps.append(kept)
        changeCount += step.changes.count
        bytes += kept.bytes
        drop {
            $0.steps.count - $1 > Self.maximumSteps || $0.changeCount > Self.maximumChanges
                || $0.bytes > Self.maximumBytes
        }
    }

    /// Drops the oldest steps until at most so many bytes are kept.
    package mutating func trim(toBytes bound: Int) {
        drop { ring, _ in ring.bytes > bound }
    }

    package mutating func clear() {
        steps.removeAll(keepingCapacity: true)
        changeCount = 0
        bytes = 0
    }

    /// The changes between `cursor` and `end`, the cursor of the replica; nil if the ring does not reach back to it or
    /// never stood there.
    package func missed(after cursor: Cursor, until end: Cursor) -> Missed? {
        if cursor == end { return Missed(diff: Diff(), since: steps.last?.at) }
        guard let first = steps.firstIndex(where: { $0.step.from == cursor }) else { return nil }
        var window = DiffWindow(base: .zero)
        for kept in steps[first...] { window.add(kept.step) }
        let diff = window.takeBatch(at: .uptimeNanoseconds(0))?.diff ?? Diff()
        return Missed(diff: diff, since: first > 0 ? steps[first - 1].at : nil)
    }

    /// Drops the oldest steps while there are too many.
    private mutating func drop(while isTooMuch: (_ ring: Self, _ dropped: Int) -> Bool) {
        var dropped = 0
        while dropped < steps.count, isTooMuch(self, dropped) {
            changeCount -= steps[dropped].step.changes.count
            bytes -= steps[dropped].bytes
            dropped += 1
        }
        if dropped > 0 { steps.removeFirst(dropped) }
    }
}

extension ReplicaStep {
    /// Bytes that the step takes while it is kept.
    fileprivate var bytes: Int {
        changes.reduce(128) { sum, change in
            sum + 192 + change.member.key.text.utf8.count + change.member.session.text.utf8.count
                + (change.before?.meta.json.count ?? 0) + (change.after?.meta.json.count ?? 0)
        }
    }
}
