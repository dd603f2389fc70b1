// Rollcall · PresenceServerTests

import NIOCore

/// Stands for TLS: no byte may reach the socket as the stream wrote it.
final class Upcased: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .byteBuffer(let bytes) = unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        let text = ByteBuffer(string: String(buffer: bytes).uppercased())
        context.write(wrapOutboundOut(.byteBuffer(text)), promise: promise)
    }
}
