// Rollcall · PresenceFeed

import NIOCore
import PresenceText

/// The encoded states of a topic at its cursor, one for each format of states, for subscribers that come next.
struct StateCache: Sendable {
    private(set) var frames: [FrameFormat: ByteBuffer] = [:]
    /// Estimated bytes of a state: the larger of the largest frame of the last encoding and half of the previous
    /// estimate.
    private(set) var bytes = 0
    /// Until when a state with data of the fetch hook may be sent: a notification about its data may be lost.
    private var end = NIODeadline.distantFuture

    subscript(format: FrameFormat) -> ByteBuffer? { frames[format.ofStates] }

    /// Grows with each change after which older states are of no use.
    private(set) var version = 0

    mutating func clear() {
        version += 1
        frames.removeAll(keepingCapacity: true)
    }

    mutating func clearIfOver(at now: NIODeadline) {
        guard end <= now else { return }
        clear()
        end = .distantFuture
    }

    /// Keeps states of a version until the next change, or until `end`; older ones only show how large states are.
    ///
    /// - Parameter encoded: States by ``FrameFormat/ofStates``.
    mutating func keep(_ encoded: [FrameFormat: ByteBuffer], _ version: Int, until end: NIODeadline?) {
        if encoded.isEmpty { return }
        bytes = max(bytes / 2, encoded.values.lazy.map(\.readableBytes).max() ?? 0)
        guard version == self.version else { return }
        frames.merge(encoded) { $1 }
        if let end { self.end = min(self.end, end) }
    }
}
