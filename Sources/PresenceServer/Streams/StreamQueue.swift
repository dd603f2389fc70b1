// Rollcall · PresenceServer

import DequeModule
package import NIOCore

/// What a slow reader has not been written yet, as a pure state machine: frames in, frames out, time passed in.
///
/// Frames wait only while the connection takes no more. At the bound, in bytes or in age, what was told of topics is
/// dropped and the reader is owed fresh states: it never sees a hole, and it costs nobody else memory.
package struct StreamQueue: Sendable {
    package enum Kind: Sendable {
        /// A change; overtaken by a later state.
        case diff
        /// A whole topic. Taken whatever its size: it is the least that the reader can be told.
        case state
        /// About the stream itself; small, rare, and never dropped.
        case notice
    }

    /// What becomes of an offered frame.
    package enum Offer: Equatable, Sendable {
        /// Write it now.
        case write
        /// It waits in line.
        case queued
        /// The queue went over its bound and is gone, the frame with it: ask for fresh states.
        case lost
    }

    private struct Waiting {
        let frame: StreamFrame
        let kind: Kind
        let since: NIODeadline
        /// Counts the frame in the node's budget.
        let hold: CountedFrame?
    }

    /// Bytes that may wait also while the node's budget is full: a reader that is late for a moment loses nothing.
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

    /// - Parameters:
    ///   - isBudgetFull: Whether the node has no room for more than ``alwaysAllowed`` bytes of each reader.
    ///   - hold: Counts the frame in the node's budget; called if it waits.
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

    /// The next frame in line, now that the connection takes more.
    package mutating func next() -> StreamFrame? {
        guard let first = frames.popFirst() else { return nil }
        bytes -= first.frame.bytes
        return first.frame
    }

    /// Forgets everything: the stream has ended.
    package mutating func clear() {
        frames = []
        bytes = 0
    }

    private func isOverdue(at now: NIODeadline) -> Bool {
        frames.first { $0.kind == .diff }.map { now - $0.since > slowReaderAge } ?? false
    }
}
