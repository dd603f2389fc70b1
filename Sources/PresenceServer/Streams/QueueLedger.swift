// Rollcall · PresenceServer

import DequeModule
package import NIOCore

/// Counts the bytes that wait for slow readers of a node, as a pure state machine: holds in, streams to end out.
///
/// A frame that several streams wait for counts once. While the ledger is full, ``shed(at:)`` names the streams that free the
/// most: all holders of a frame, if none of them has finished a frame for ``slowAfter``, and the largest frames first.
package struct QueueLedger<Owner: Hashable & Sendable>: Sendable {
    /// The address of a frame's bytes, which no other frame can have while it is held.
    package typealias FrameID = UInt

    private struct Frame {
        /// Holds of it, by all streams.
        var holds = 0
        let bytes: Int
    }

    private struct Holder {
        let owner: Owner
        /// One element a hold, in the order of the holds, which end in about the same order.
        var frames: Deque<FrameID> = []
        /// When the stream finished a frame last, or began to hold one.
        var progress: NIODeadline
        /// Whether the stream is being ended already.
        var isShed = false

        init(owner: Owner, progress: NIODeadline) {
            self.owner = owner
            self.progress = progress
        }

        mutating func remove(_ frame: FrameID, finishedAt now: NIODeadline?) {
            if let index = frames.firstIndex(of: frame) { frames.remove(at: index) }
            if let now { progress = now }
        }
    }

    /// What a waiting frame costs beside its bytes.
    package static var bytesPerHold: Int { 64 }
    /// The time between two searches for streams to end: a search reads all holds of slow streams.
    private static var pause: TimeAmount { .milliseconds(100) }

    package let maximumBytes: Int
    package let slowAfter: TimeAmount
    package private(set) var bytes = 0
    private var frames: [FrameID: Frame] = [:]
    private var holders: [Owner: Holder] = [:]
    private var nextSearch = NIODeadline.uptimeNanoseconds(0)

    package init(maximumBytes: Int, slowAfter: TimeAmount) {
        self.maximumBytes = maximumBytes
        self.slowAfter = slowAfter
    }

    package var isFull: Bool { bytes >= maximumBytes }

    /// Counts one more stream that waits for a frame.
    ///
    /// Returns false at twice the bound, unless others wait for the frame already: then the stream must end, however short
    /// it has waited. One frame alone may be larger, or it could never be sent.
    package mutating func hold(_ frame: FrameID, bytes size: Int, by owner: Owner, at now: NIODeadline) -> Bool {
        let isAllowed = frames[frame] != nil || bytes < 2 * maximumBytes
        bytes += Self.bytesPerHold + (frames[frame] == nil ? size : 0)
        frames[frame, default: Frame(bytes: size)].holds += 1
        holders[owner, default: Holder(owner: owner, progress: now)].frames.append(frame)
        return isAllowed
    }

    /// Ends a hold.
    ///
    /// - Parameter isFinished: Whether the reader has taken the frame, and not only lost it.
    package mutating func release(_ frame: FrameID, by owner: Owner, isFinished: Bool, at now: NIODeadline) {
        guard let held = frames[frame], let holds = holders[owner]?.frames.count else { return }
        bytes -= Self.bytesPerHold
        if held.holds > 1 {
            frames[frame]?.holds -= 1
        } else {
            frames[frame] = nil
            bytes -= held.bytes
        }
        if holds > 1 {
            holders[owner]?.remove(frame, finishedAt: isFinished ? now : nil)
        } else {
            holders[owner] = nil
        }
    }

    /// The streams to end now, so that there is room again; empty while there is room, or while no stream is slow.
    package mutating func shed(at now: NIODeadline) -> [Owner] {
        guard isFull, now >= nextSearch else { return [] }
        nextSearch = now + Self.pause
        var groups: [FrameID: (holds: Int, holders: [Holder])] = [:]
        for holder in holders.values where !holder.isShed && now - holder.progress >= slowAfter {
            guard let (frame, holds) = largestFrame(of: holder) else { continue }
            groups[frame, default: (0, [])].holds += holds
            groups[frame]?.holders.append(holder)
        }
        let candidates = groups.compactMap { frame, group -> (bytes: Int, since: NIODeadline, holders: [Holder])? in
            guard let held = frames[frame], held.holds == group.holds else { return nil }
            let since = group.holders.lazy.map(\.progress).min() ?? now
            return (held.bytes, since, group.holders)
        }
        var excess = bytes - maximumBytes + 1
        var ended: [Owner] = []
        for group in candidates.sorted(by: { ($1.bytes, $0.since) < ($0.bytes, $1.since) }) where excess > 0 {
            excess -= group.bytes
            for holder in group.holders {
                holders[holder.owner]?.isShed = true
                ended.append(holder.owner)
            }
        }
        return ended
    }

    /// The largest frame that a stream waits for, and how often it waits for it; of several of one size the newest.
    private func largestFrame(of holder: Holder) -> (frame: FrameID, holds: Int)? {
        var largest: (frame: FrameID, bytes: Int)?
        for frame in holder.frames {
            if let bytes = frames[frame]?.bytes, bytes >= largest?.bytes ?? 0 { largest = (frame, bytes) }
        }
        return largest.map { largest in (largest.frame, holder.frames.count { $0 == largest.frame }) }
    }
}
