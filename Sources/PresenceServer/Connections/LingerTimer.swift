// Rollcall · PresenceServer

import NIOCore

/// Closes a connection some time after its last answer, and later while its client still sends.
///
/// It is set once for many reads, since a loop searches all its timers for one that is cancelled. Used on the loop of its
/// channel alone.
final class LingerTimer {
    /// When the last answer was sent.
    private var begin: NIODeadline?
    private var lastByte = NIODeadline.distantPast
    private var deadline: (_ begin: NIODeadline, _ lastByte: NIODeadline) -> NIODeadline = { begin, _ in begin }
    private var timer: Scheduled<Void>?

    /// - Parameter deadline: When the connection closes, by when the last answer was sent and when the last byte came.
    func start(_ context: ChannelHandlerContext, deadline: @escaping (NIODeadline, NIODeadline) -> NIODeadline) {
        let now = NIODeadline.now()
        (begin, lastByte, self.deadline) = (now, now, deadline)
        arm(context)
    }

    /// Notes that the client has sent something.
    func bytesArrived() { if begin != nil { lastByte = .now() } }

    /// Looks at the deadline again, which may be earlier by now.
    func arm(_ context: ChannelHandlerContext) {
        guard let begin else { return }
        timer?.cancel()
        let deadline = deadline(begin, lastByte)
        guard deadline > .now() else { return context.close(promise: nil) }
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.arm(context) }
    }

    func cancel() {
        begin = nil
        timer?.cancel()
        timer = nil
    }
}
