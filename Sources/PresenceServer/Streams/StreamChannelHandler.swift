// Rollcall · PresenceServer

import Foundation
import NIOCore

/// Writes a stream's frames straight to its connection, and tells the stream what becomes of it.
///
/// It is added in front of the HTTP encoders when a response becomes a stream: frames are framed as chunks once for
/// all subscribers (`EventFrame`), so no encoder has anything left to do for each of them. The response's head and
/// its end go the usual way, through the framework's writer; both pass this handler in order, on the same loop.
final class StreamChannelHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny
    typealias OutboundOut = IOData

    private let stream: EventStream
    private var context: ChannelHandlerContext?

    init(stream: EventStream) { self.stream = stream }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    /// Bytes that were written and that the kernel has not taken.
    var unsentBytes: Int { (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

    func write(_ frame: ByteBuffer) {
        guard let context else { return }
        context.write(wrapOutboundOut(.byteBuffer(frame)), promise: nil)
    }

    func flush() { context?.flush() }

    func close() { context?.close(promise: nil) }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            stream.assumeIsolated { $0.writable() }
        } else {
            stream.assumeIsolated { $0.unwritable() }
        }
        context.fireChannelWritabilityChanged()
    }

    // An end takes this handler out of the pipeline, and from there nothing reaches the server any more: it is told first.

    func channelInactive(context: ChannelHandlerContext) {
        context.fireChannelInactive()
        stream.assumeIsolated { $0.end(.clientGone) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.fireErrorCaught(error)
        // The kernel gave the client up: it acknowledged nothing for too long.
        if (error as? IOError)?.errnoCode == ETIMEDOUT { stream.assumeIsolated { $0.end(.unread) } }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            stream.assumeIsolated { $0.end(.clientGone) }
        }
    }
}
