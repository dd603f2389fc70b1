// Rollcall · PresenceServer

import DequeModule
package import NIOCore

/// What a slow reader has not been written yet, as a pure state machine: frames in, frames out, time passed in.
///
/// Frames wait only while the connection takes no more. At the bound, in bytes or in age, the whole queue is dropped
/// and the reader is owed a fresh state: it never sees a hole, and it costs nobody else memory.
package struct StreamBacklog: Sendable {
    /// What becomes of an offered frame.
    package enum Verdict: Equatable, Sendable {
        /// Write it now.
        case write
        /// It waits in line.
        case queued
        /// The queue went over its bound and is gone, the frame with it: ask for a fresh state.
        case lost
    }

    /// Bytes that may wait, 1 MiB by default.
    package let maximumBytes: Int
    /// How long the oldest frame may wait, 10 seconds by default.
    package let maximumAge: TimeAmount

    private var frames: Deque<ByteBuffer> = []
    private var bytes = 0
    private var oldest: NIODeadline?

    package init(maximumBytes: Int = 1 << 20, maximumAge: TimeAmount = .seconds(10)) {
        self.maximumBytes = maximumBytes
        self.maximumAge = maximumAge
    }

    package var isEmpty: Bool { frames.isEmpty }

    /// Takes a frame.
    ///
    /// - Parameter isState: A state is taken whatever its size: it is the least that the reader can be told.
    package mutating func offer(
        _ frame: ByteBuffer, isState: Bool = false, isWritable: Bool, at now: NIODeadline
    ) -> Verdict {
        if isWritable, frames.isEmpty { return .write }
        let isOverdue = oldest.map { now - $0 > maximumAge } ?? false
        if !isState, isOverdue || bytes + frame.readableBytes > maximumBytes {
            frames.removeAll()
            bytes = 0
            oldest = nil
            return .lost
        }
        frames.append(frame)
        bytes += frame.readableBytes
        if oldest == nil { oldest = now }
        return .queued
    }

    /// The next frame in line, now that the connection takes more.
    package mutating func next(at now: NIODeadline) -> ByteBuffer? {
        guard let frame = frames.popFirst() else { return nil }
        bytes -= frame.readableBytes
        oldest = frames.isEmpty ? nil : now
        return frame
    }
}
