// Rollcall · PresenceServer

import NIOCore

/// Closes a connection some time after its last answer, and later if its client still sends.
///
/// A read does not set the timer again, because an event loop searches all its timers to cancel one. It is used on the
/// event loop of its channel only.
final class LingerTimer {
    /// When the last answer was sent.
    private var begin: NIODeadline?
    private var lastByte = NIODeadline.distantPast
    private var deadline: (_ begin: NIODeadline, _ lastByte: NIODeadline) -> NIODeadline = { begin, _ in begin }
    private var timer: Scheduled<Void>?

    /// - Parameter deadline: Gives the time to close, from the time of the last answer and the time of the last byte.
    func start(_ context: ChannelHandlerContext, deadline: @escaping (NIODeadline, NIODeadline) -> NIODeadline) {
        let now = NIODeadline.now()
        (begin, lastByte, self.deadline) = (now, now, deadline)
        arm(context)
    }

    /// Notes that the client has sent bytes.
    func bytesArrived() { if begin != nil { lastByte = .now() } }

    /// Closes the connection if its deadline has passed, or sets the timer for it; called when the deadline may be
    /// earlier.
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
