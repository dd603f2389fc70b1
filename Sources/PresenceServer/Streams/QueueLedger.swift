// Rollcall · PresenceServer

import DequeModule
package import NIOCore

/// Counts the bytes that wait for slow readers of a node, as a pure state machine that chooses the readers to end.
///
/// A frame that several readers wait for counts once. While the ledger is full, ``chooseSlowReaders(at:)`` returns the
/// readers that free the most: all readers of a frame, if none of them has finished a frame for ``slowReaderAge``, and
/// the largest frames first. ``QueueBudget`` ends them.
package struct QueueLedger<Reader: Hashable & Sendable>: Sendable {
    /// The address of a frame's bytes, which no other frame can have while this one is counted.
    package typealias FrameID = UInt

    private struct Frame {
        /// How often it waits, for all readers together.
        var holds = 0
        let bytes: Int
    }

    /// A reader with the frames that wait for it.
    private struct Backlog {
        let reader: Reader
        /// The frames that wait for the reader, oldest first; they are released in about the same order.
        var frames: Deque<FrameID> = []
        /// When the reader last finished a frame, or began to wait for its first one.
        var progress: NIODeadline
        /// Whether ``chooseSlowReaders(at:)`` has returned the reader already.
        var isChosen = false

        init(reader: Reader, progress: NIODeadline) {
            self.reader = reader
            self.progress = progress
        }

        mutating func remove(_ frame: FrameID, finishedAt now: NIODeadline?) {
            if let index = frames.firstIndex(of: frame) { frames.remove(at: index) }
            if let now { progress = now }
        }
    }

    /// Bytes that count for each reader of a waiting frame, beside those of the frame.
    package static var bytesPerHold: Int { 64 }
    /// The time between two searches for readers to end: a search visits all frames of slow readers.
    private static var pause: TimeAmount { .milliseconds(100) }

    package let maximumStreamQueueBytes: Int
    package let slowReaderAge: TimeAmount
    package private(set) var bytes = 0
    private var frames: [FrameID: Frame] = [:]
    private var backlogs: [Reader: Backlog] = [:]
    private var nextSearch = NIODeadline.uptimeNanoseconds(0)

    package init(maximumStreamQueueBytes: Int, slowReaderAge: TimeAmount) {
        self.maximumStreamQueueBytes = maximumStreamQueueBytes
        self.slowReaderAge = slowReaderAge
    }

    package var isFull: Bool { bytes >= maximumStreamQueueBytes }

    /// Counts one more reader that waits for a frame.
    ///
    /// Returns false if the bytes were at twice the bound and no other reader waits for the frame: the stream must then
    /// end at once. A single frame may be larger than the bound, or it could never be sent.
    package mutating func hold(_ frame: FrameID, bytes size: Int, by reader: Reader, at now: NIODeadline) -> Bool {
        let isAllowed = frames[frame] != nil || bytes < 2 * maximumStreamQueueBytes
        bytes += Self.bytesPerHold + (frames[frame] == nil ? size : 0)
        frames[frame, default: Frame(bytes: size)].holds += 1
        backlogs[reader, default: Backlog(reader: reader, progress: now)].frames.append(frame)
        return isAllowed
    }

    /// Counts one reader less that waits for a frame.
    ///
    /// - Parameter isFinished: Whether the reader has taken the whole frame; false if the frame was dropped.
    package mutating func release(_ frame: FrameID, by reader: Reader, isFinished: Bool, at now: NIODeadline) {
        guard let held = frames[frame], let holds = backlogs[reader]?.frames.count else { return }
        bytes -= Self.bytesPerHold
        if held.holds > 1 {
            frames[frame]?.holds -= 1
        } else {
            frames[frame] = nil
            bytes -= held.bytes
        }
        if holds > 1 {
            backlogs[reader]?.remove(frame, finishedAt: isFinished ? now : nil)
        } else {
            backlogs[reader] = nil
        }
    }

    /// Returns the readers to end now to make room, each once; empty while there is room, or while no reader is slow.
    package mutating func chooseSlowReaders(at now: NIODeadline) -> [Reader] {
        guard isFull, now >= nextSearch else { return [] }
        nextSearch = now + Self.pause
        var groups: [FrameID: (holds: Int, backlogs: [Backlog])] = [:]
        for backlog in backlogs.values where !backlog.isChosen && now - backlog.progress >= slowReaderAge {
            guard let (frame, holds) = largestFrame(of: backlog) else { continue }
            groups[frame, default: (0, [])].holds += holds
            groups[frame]?.backlogs.append(backlog)
        }
        let candidates = groups.compactMap { frame, group -> (bytes: Int, since: NIODeadline, backlogs: [Backlog])? in
            guard let held = frames[frame], held.holds == group.holds else { return nil }
            let since = group.backlogs.lazy.map(\.progress).min() ?? now
            return (held.bytes, since, group.backlogs)
        }
        var excess = bytes - maximumStreamQueueBytes + 1
        var chosen: [Reader] = []
        for group in candidates.sorted(by: { ($1.bytes, $0.since) < ($0.bytes, $1.since) }) where excess > 0 {
            excess -= group.bytes
            for backlog in group.backlogs {
                backlogs[backlog.reader]?.isChosen = true
                chosen.append(backlog.reader)
            }
        }
        return chosen
    }

    /// The largest frame that waits for a reader, the newest of equal size, and how often it waits for this reader.
    private func largestFrame(of backlog: Backlog) -> (frame: FrameID, holds: Int)? {
        var largest: (frame: FrameID, bytes: Int)?
        for frame in backlog.frames {
            if let bytes = frames[frame]?.bytes, bytes >= largest?.bytes ?? 0 { largest = (frame, bytes) }
        }
        return largest.map { largest in (largest.frame, backlog.frames.count { $0 == largest.frame }) }
    }
}
