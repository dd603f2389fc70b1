// Rollcall · PresenceServer

import NIOCore

/// Remembers that a client has ended its direction of a connection, for a stream that begins after that.
///
/// The event comes once: with a request that is the last of its client it is past before the request is answered.
final class InputEndHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private var isEnded = false

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { isEnded = true }
        context.fireUserInboundEventTriggered(event)
    }

    /// Whether the client of a connection has said that nothing more will come; called on the connection's loop.
    static func hasSeenEnd(of channel: any Channel) -> Bool {
        (try? channel.pipeline.syncOperations.handler(type: InputEndHandler.self))?.isEnded ?? false
    }
}
