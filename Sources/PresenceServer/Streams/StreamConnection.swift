// Rollcall · PresenceServer

import Foundation
import NIOCore

/// The channel handler of a stream: writes frames to its socket, and notifies the stream of events of the connection.
///
/// It is the first handler of the pipeline and drops all input. It needs no HTTP encoder, because `EventFrame` frames
/// each chunk once for all subscribers. While no write is pending, a frame goes straight to the kernel; NIO writes the
/// bytes that the kernel does not take, when the socket has room.
final class StreamConnection: ChannelDuplexHandler {
    typealias InboundIn = NIOAny
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// The last chunk of a body (RFC 9112, 7.1).
    private static let lastChunk = ByteBuffer(string: "0\r\n\r\n")

    private let stream: EventStream
    /// The node's budget for frames that wait for slow readers.
    private let queue: QueueBudget
    /// Whether frames keep their chunk framing; false for HTTP/1.0.
    private let isChunked: Bool
    private var context: ChannelHandlerContext?
    private var socket: NIOBSDSocket.Handle?
    /// Writes that NIO has not completed.
    private var pending = 0
    private(set) var isWritable = true
    /// Whether the kernel dropped the client, because it acknowledged nothing for too long.
    private var isGivenUp = false

    init(stream: EventStream, queue: QueueBudget, isChunked: Bool = true) {
        self.stream = stream
        self.queue = queue
        self.isChunked = isChunked
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        socket = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable { $0 }
        isWritable = context.channel.isWritable
        // Bytes that were written before go first.
        if unsentBytes > 0 { writeLater(ByteBuffer(), context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Bytes that were written and that the kernel has not taken.
    var unsentBytes: Int { (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

    /// Bytes that were written and that the client has not acknowledged.
    var unreadBytes: Int { unsentBytes + (context.map(SocketQueue.unacknowledgedBytes) ?? 0) }

    func write(_ frame: StreamFrame) {
        if let id = frame.id { write(id) }
        write(frame.event)
    }

    /// Writes a frame, for HTTP/1.0 without its chunk framing.
    func write(_ frame: ByteBuffer) { writeBytes(isChunked ? frame : EventFrame.unframed(frame)) }

    /// Writes bytes unchanged.
    func writeBytes(_ frame: ByteBuffer) {
        // The descriptor of a closed socket may belong to another connection already.
        guard let context, context.channel.isActive else { return }
        let sent = pending == 0 ? send(frame) : 0
        guard sent < frame.readableBytes else { return }
        var rest = frame
        rest.moveReaderIndex(forwardBy: sent)
        writeLater(rest, context)
    }

    private func writeLater(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        pending += 1
        // The rest of a frame keeps the whole frame in memory.
        let held = queue.hold(bytes, for: .stream(stream))
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(bytes))).assumeIsolated().whenComplete { result in
            self.pending -= 1
            switch result {
            case .success: held.finish()
            case .failure(let error): self.note(error)
            }
        }
    }

    /// Ends the response and closes the connection, after at most 1 s even if the client does not take the last bytes.
    func finish() {
        guard let context else { return }
        // A client that takes no bytes would not take the last chunk.
        guard isWritable else { return close() }
        if isChunked { writeBytes(Self.lastChunk) }
        guard pending > 0 else { return close() }
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer()))).assumeIsolated().whenComplete { _ in
            self.close()
        }
        context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { self.close() }
    }

    func close() { context?.close(promise: nil) }

    /// Sends without waiting and returns the number of bytes sent; NIO reports errors at its next write.
    private func send(_ frame: ByteBuffer) -> Int {
        guard let socket else { return 0 }
        #if os(Linux)
            let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        #else
            let flags = MSG_DONTWAIT
        #endif
        return frame.withUnsafeReadableBytes {
            let sent = Foundation.send(socket, $0.baseAddress, $0.count, flags)
            if sent < 0, errno == ETIMEDOUT { isGivenUp = true }
            return max(0, sent)
        }
    }

    /// Notes that the kernel dropped the client, which it reports once, at the next use of the socket.
    private func note(_ error: any Error) {
        if (error as? IOError)?.errnoCode == ETIMEDOUT { isGivenUp = true }
    }

    private var endOfClient: StreamEnd { isGivenUp ? .unread : .clientGone }

    // Input during a stream is dropped. NIO reports the end of the input without a read.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func channelReadComplete(context: ChannelHandlerContext) {}

    /// Ignores the close by an HTTP server that served earlier requests of this connection and now leaves it.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        promise?.succeed()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        self.isWritable = isWritable
        stream.assumeIsolated { isWritable ? $0.writable() : $0.unwritable() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let end = endOfClient
        stream.assumeIsolated { $0.end(end) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        note(error)
        if isGivenUp { stream.assumeIsolated { $0.end(.unread) } }
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed? = event as? ChannelEvent else { return }
        let end = endOfClient
        stream.assumeIsolated { $0.end(end) }
    }
}
