// Rollcall · PresenceServer

import Logging
import Metrics
import NIOCore
import NIOTLS

/// Closes a connection with a TLS handshake that takes too long, or that is not over when the node stops.
///
/// It stands behind the handler of TLS, which closes the connection when a handshake fails. It removes itself when the
/// handshake is over.
final class HandshakeGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private static let failed = Counter(
        label: "rollcall_tls_handshakes_failed_total", dimensions: [("reason", "error")])
    private static let timedOut = Counter(
        label: "rollcall_tls_handshakes_failed_total", dimensions: [("reason", "timeout")])

    private let timeout: TimeAmount
    private let logger: Logger
    private var timer: Scheduled<Void>?
    private var hasFailed = false

    init(timeout: TimeAmount, logger: Logger) {
        self.timeout = timeout
        self.logger = logger
    }

    func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { start(context) } }

    func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    private func start(_ context: ChannelHandlerContext) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
            self.note(Self.timedOut, "the handshake took too long")
            context.close(promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent {
            return context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
        }
        if event is ChannelShouldQuiesceEvent { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        note(Self.failed, "\(error)")
        context.fireErrorCaught(error)
    }

    /// Counts a failure; a close after it causes a second error.
    private func note(_ counter: Counter, _ error: String) {
        guard !hasFailed else { return }
        hasFailed = true
        counter.increment()
        logger.debug("http: TLS handshake failed", metadata: ["error": "\(error)"])
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }
}
