// Rollcall · PresenceServer

import Logging
import NIOCore

/// The time-outs of a connection.
extension ConnectionHandler {
    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if !context.channel.isWritable { watchReader(context) }
        context.fireChannelWritabilityChanged()
    }

    func watchReader(_ context: ChannelHandlerContext) {
        guard !isReleased, !progress.isWatched else { return }
        progress.watch(context)
        arm(context)
    }

    /// Sets the timer, unless it fires early enough; when it fires, it is set again.
    func arm(_ context: ChannelHandlerContext) {
        // A deadline of a closed connection stays in the past, and its timer would fire again and again.
        guard !isSettled else { return }
        var deadline = state.deadline(times) ?? .distantFuture
        if progress.isWatched { deadline = min(deadline, .now() + times.stuckReaderAge) }
        guard deadline < timerAt else { return }
        timer?.cancel()
        timerAt = deadline
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.timerFired(context) }
    }

    private func timerFired(_ context: ChannelHandlerContext) {
        timer = nil
        timerAt = .distantFuture
        let now = NIODeadline.now()
        // While the client reads a response the connection is not idle. A response without progress closes it.
        let unsent = progress.unsentBytes(context)
        guard progress.check(unsent: unsent) else {
            logger.debug("http: response not read, connection closed", metadata: ["unsent": "\(unsent)"])
            return context.close(promise: nil)
        }
        if unsent > 0 { state.sentUntil(now) }
        if state.takesBody, let deadline = state.deadline(times), deadline <= now { reserved.budget.noteLate() }
        interrupt(context) { $0.expire(times, at: now, isHead: start.isHead, hasUnsent: unsent > 0) }
        arm(context)
    }
}
