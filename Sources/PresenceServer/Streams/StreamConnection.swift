// Rollcall · PresenceServer

import Foundation
import NIOCore

/// A stream's end of its socket: writes frames, and tells the stream what becomes of the connection.
///
/// It stands first in the pipeline, and lets nothing in: frames are framed as chunks once for all subscribers
/// (`EventFrame`), and whatever stood there before is of no use any more. A frame goes straight to the kernel where nothing
/// waits before it; what the kernel does not take goes the framework's way, which waits for room.
final class StreamConnection: ChannelDuplexHandler {
    typealias InboundIn = NIOAny
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// The last chunk of a body (RFC 9112, 7.1).
    private static let lastChunk = ByteBuffer(string: "0\r\n\r\n")

    private let stream: EventStream
    /// The node's budget for what waits for slow readers.
    private let queue: QueueBudget
    /// Whether frames are written as they are, in chunks.
    private let isChunked: Bool
    private var context: ChannelHandlerContext?
    private var socket: NIOBSDSocket.Handle?
    /// Writes that the framework has and has not finished.
    private var pending = 0
    private(set) var isWritable = true
    /// Whether the kernel gave the client up, since it acknowledged nothing for too long.
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
        // What was written before goes first.
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

    /// Writes a frame; HTTP/1.0 gets it without the framing of its chunks.
    func write(_ frame: ByteBuffer) { writeBytes(isChunked ? frame : EventFrame.unframed(frame)) }

    /// Writes bytes as they are.
    func writeBytes(_ frame: ByteBuffer) {
        // A closed socket's number may be another connection's already.
        guard let context, context.channel.isActive else { return }
        let sent = pending == 0 ? send(frame) : 0
        guard sent < frame.readableBytes else { return }
        var rest = frame
        rest.moveReaderIndex(forwardBy: sent)
        writeLater(rest, context)
    }

    private func writeLater(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        pending += 1
        // What is left of a frame keeps all of it in memory.
        let held = queue.hold(bytes, for: .stream(stream))
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(bytes))).assumeIsolated().whenComplete { result in
            self.pending -= 1
            switch result {
            case .success: held.finish()
            case .failure(let error): self.note(error)
            }
        }
    }

    /// Ends the response and the connection, within a second even if the client does not take what is left.
    func finish() {
        guard let context else { return }
        // A client that takes nothing would not take the end of the response either.
        guard isWritable else { return close() }
        if isChunked { writeBytes(Self.lastChunk) }
        guard pending > 0 else { return close() }
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer()))).assumeIsolated().whenComplete { _ in
            self.close()
        }
        context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { self.close() }
    }

    func close() { context?.close(promise: nil) }

    /// Gives the kernel what it takes now, without waiting; errors show when the framework writes.
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

    /// Notes whether the kernel gave the client up, which it reports once, at the next use of the socket.
    private func note(_ error: any Error) {
        if (error as? IOError)?.errnoCode == ETIMEDOUT { isGivenUp = true }
    }

    private var endOfClient: StreamEnd { isGivenUp ? .unread : .clientGone }

    // What clients send while they are told is nothing to us; their end is seen without reading.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    // What was read before is delivered.
    func channelReadComplete(context: ChannelHandlerContext) {}

    /// The HTTP server, which may have had requests of this connection before, closes what it leaves.
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
