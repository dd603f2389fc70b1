// Rollcall · PresenceFeed

package import NIOCore
package import PresenceModel

/// Coalesces the changes of one topic into diffs, as a pure state machine: steps in, diffs out, time passed in.
///
/// The first change after a pause is sent at once. Those that follow within the window are sent together: a join and a
/// leave cancel, a chain of updates becomes one. The window is `base` wide and grows to twice what the last flush
/// cost, so a large room gets fewer and larger diffs. No flush starts before the last one has ended.
package struct DiffWindow: Sendable {
    /// The next action that is permitted.
    package enum Decision: Equatable, Sendable {
        case flush
        case wait(until: NIODeadline)
        /// A flush is under way; its end decides.
        case busy
    }

    /// A coalesced diff and the positions that it lies between.
    package struct Batch: Sendable {
        package let from: Cursor
        package let to: Cursor
        package let diff: Diff
    }

    package static let widest = TimeAmount.seconds(1)

    private let base: TimeAmount
    private var width: TimeAmount
    /// No flush before this: the end of the last window.
    private var notBefore = NIODeadline.uptimeNanoseconds(0)
    private var flushStart: NIODeadline?
    /// Bounded by the members of the topic: later changes of one member are absorbed into its first.
    private var changes: [Change?] = []
    private var indexes: [Member: Int] = [:]
    private var from: Cursor?
    private var to = Cursor.empty

    package init(base: TimeAmount) {
        self.base = base
        width = base
    }

    package var isEmpty: Bool { from == nil }

    package func decision(at now: NIODeadline) -> Decision {
        if flushStart != nil { return .busy }
        return now >= notBefore ? .flush : .wait(until: notBefore)
    }

    package mutating func add(_ step: ReplicaStep) {
        if from == nil { from = step.from }
        to = step.to
        for change in step.changes {
            guard let index = indexes[change.member] else {
                indexes[change.member] = changes.count
                changes.append(change)
                continue
            }
            // A pair that cancelled leaves nil; a later change of the member takes its place.
            changes[index] = changes[index].map { $0.followed(by: change) } ?? change
        }
    }

    /// Takes the gathered changes and starts a flush; nil, and no flush, if there are none.
    package mutating func takeBatch(at now: NIODeadline) -> Batch? {
        guard let from else { return nil }
        let batch = Batch(from: from, to: to, diff: Diff(changes.compactMap { $0 }))
        changes.removeAll(keepingCapacity: changes.count < 1024)
        indexes.removeAll(keepingCapacity: indexes.count < 1024)
        self.from = nil
        flushStart = now
        return batch
    }

    /// Starts a flush without changes, or restarts the clock of one that waited for the fetch hook, because that wait
    /// must not widen the next window.
    package mutating func restartFlush(at now: NIODeadline) { flushStart = now }

    /// The last event loop of the audience has written the flush.
    package mutating func endFlush(at now: NIODeadline) {
        guard let start = flushStart else { return }
        flushStart = nil
        let cost = now - start
        width = max(base, min(Self.widest, .nanoseconds(2 * cost.nanoseconds)))
        notBefore = start + width
    }
}
