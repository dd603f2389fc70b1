// Rollcall · PresenceFeed

import NIOCore

/// The encoded states of a topic at its cursor, one for each format, for subscribers that come next.
struct StateCache: Sendable {
    private(set) var frames: [FrameFormat: ByteBuffer] = [:]
    /// An estimate of the bytes of a state: the last encoded one, or half of the estimate before if that is more.
    private(set) var bytes = 0
    /// Until when a state with data of the fetch hook may be sent: a notification about its data may be lost.
    private var end = NIODeadline.distantFuture

    subscript(format: FrameFormat) -> ByteBuffer? { frames[format] }

    mutating func clear() { frames.removeAll(keepingCapacity: true) }

    mutating func clearIfOver(at now: NIODeadline) {
        guard end <= now else { return }
        clear()
        end = .distantFuture
    }

    /// Remembers how large states are.
    mutating func note(_ encoded: [FrameFormat: ByteBuffer]) {
        for frame in encoded.values { bytes = max(bytes / 2, frame.readableBytes) }
    }

    /// Keeps states until the next change, or until `end`.
    mutating func keep(_ encoded: [FrameFormat: ByteBuffer], until end: NIODeadline?) {
        frames.merge(encoded) { $1 }
        if let end { self.end = min(self.end, end) }
    }
}
