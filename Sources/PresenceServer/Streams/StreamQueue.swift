// Rollcall · PresenceServer

import DequeModule
package import NIOCore

/// The frames that wait for one slow reader, as a pure state machine: frames in, frames out, time passed in.
///
/// Frames wait only while the connection is not writable. At the bound, in bytes or in age, all events of topics are
/// dropped and the reader gets fresh states: it misses no change, and its memory is bounded.
package struct StreamQueue: Sendable {
    package enum Kind: Sendable {
        /// A change; a later state replaces it.
        case diff
        /// A whole topic; queued at any size, because no smaller event can replace it.
        case state
        /// An event about the stream itself; small, rare, and never dropped.
        case notice
    }

    /// The result of an offer.
    package enum Offer: Equatable, Sendable {
        /// Write it now.
        case write
        /// The frame waits.
        case queued
        /// The queue was over its bound; its events of topics and the frame were dropped: request fresh states.
        case lost
    }

    private struct Waiting {
        let frame: StreamFrame
        let kind: Kind
        let since: NIODeadline
        /// Counts the frame in the node's budget.
        let hold: CountedFrame?
    }

    /// Bytes that may wait even while the node's budget is full: a reader that is late for a moment loses nothing.
    package static let alwaysAllowed = 64 << 10

    /// Bytes that may wait, 1 MiB by default.
    package let slowReaderBytes: Int
    /// How long a diff may wait, 10 seconds by default.
    package let slowReaderAge: TimeAmount

    private var frames: Deque<Waiting> = []
    private var bytes = 0

    package init(slowReaderBytes: Int = 1 << 20, slowReaderAge: TimeAmount = .seconds(10)) {
        self.slowReaderBytes = slowReaderBytes
        self.slowReaderAge = slowReaderAge
    }

    package var isEmpty: Bool { frames.isEmpty }

    /// Queues a frame, unless it can be written now or the queue is over its bound.
    ///
    /// - Parameters:
    ///   - isBudgetFull: Whether the node has no room for more than ``alwaysAllowed`` bytes of each reader.
    ///   - hold: Counts the frame in the node's budget; called if the frame waits.
    package mutating func offer(
        _ frame: StreamFrame, as kind: Kind, isWritable: Bool, isBudgetFull: Bool = false, at now: NIODeadline,
        hold: @autoclosure () -> CountedFrame? = nil
    ) -> Offer {
        if isWritable, frames.isEmpty { return .write }
        let bound = isBudgetFull ? min(slowReaderBytes, Self.alwaysAllowed) : slowReaderBytes
        if kind == .diff, bytes + frame.bytes > bound || isOverdue(at: now) {
            frames.removeAll { $0.kind != .notice }
            bytes = frames.reduce(0) { $0 + $1.frame.bytes }
            return .lost
        }
        frames.append(Waiting(frame: frame, kind: kind, since: now, hold: hold()))
        bytes += frame.bytes
        return .queued
    }

    /// Removes the oldest frame, to be written now that the connection takes more.
    package mutating func next() -> StreamFrame? {
        guard let first = frames.popFirst() else { return nil }
        bytes -= first.frame.bytes
        return first.frame
    }

    /// Drops all frames, because the stream has ended.
    package mutating func clear() {
        frames = []
        bytes = 0
    }

    private func isOverdue(at now: NIODeadline) -> Bool {
        frames.first { $0.kind == .diff }.map { now - $0.since > slowReaderAge } ?? false
    }
}
