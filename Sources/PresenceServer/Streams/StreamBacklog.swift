// Rollcall · PresenceServer

import DequeModule
package import NIOCore

/// What a slow reader has not been written yet, as a pure state machine: frames in, frames out, time passed in.
///
/// Frames wait only while the connection takes no more. At the bound, in bytes or in age, what was told of topics is
/// dropped and the reader is owed fresh states: it never sees a hole, and it costs nobody else memory.
package struct StreamBacklog: Sendable {
    package enum Kind: Sendable {
        /// A change; overtaken by a later state.
        case diff
        /// A whole topic. Taken whatever its size: it is the least that the reader can be told.
        case state
        /// About the stream itself; small, rare, and never dropped.
        case notice
    }

    /// What becomes of an offered frame.
    package enum Verdict: Equatable, Sendable {
        /// Write it now.
        case write
        /// It waits in line.
        case queued
        /// The queue went over its bound and is gone, the frame with it: ask for fresh states.
        case lost
    }

    private struct Frame {
        let bytes: ByteBuffer
        let kind: Kind
        let since: NIODeadline
    }

    /// Bytes that may wait, 1 MiB by default.
    package let maximumBytes: Int
    /// How long a diff may wait, 10 seconds by default.
    package let maximumAge: TimeAmount

    private var frames: Deque<Frame> = []
    private var bytes = 0

    package init(maximumBytes: Int = 1 << 20, maximumAge: TimeAmount = .seconds(10)) {
        self.maximumBytes = maximumBytes
        self.maximumAge = maximumAge
    }

    package var isEmpty: Bool { frames.isEmpty }

    package mutating func offer(
        _ frame: ByteBuffer, as kind: Kind, isWritable: Bool, at now: NIODeadline
    ) -> Verdict {
        if isWritable, frames.isEmpty { return .write }
        if kind == .diff, bytes + frame.readableBytes > maximumBytes || isOverdue(at: now) {
            frames.removeAll { $0.kind != .notice }
            bytes = frames.reduce(0) { $0 + $1.bytes.readableBytes }
            return .lost
        }
        frames.append(Frame(bytes: frame, kind: kind, since: now))
        bytes += frame.readableBytes
        return .queued
    }

    /// The next frame in line, now that the connection takes more.
    package mutating func next() -> ByteBuffer? {
        guard let frame = frames.popFirst() else { return nil }
        bytes -= frame.bytes.readableBytes
        return frame.bytes
    }

    private func isOverdue(at now: NIODeadline) -> Bool {
        frames.first { $0.kind == .diff }.map { now - $0.since > maximumAge } ?? false
    }
}
