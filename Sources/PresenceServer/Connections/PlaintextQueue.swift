// Rollcall · PresenceServer

import DequeModule
import NIOCore

/// Keeps the output of a connection with TLS until the socket takes more of it.
///
/// The handler of TLS, before this one, encrypts all that it gets at once, and keeps a buffer of the largest flush for
/// the life of the connection. A state may have megabytes, which all streams of a topic share as plaintext. So TLS gets
/// one record at a time, and only while the channel is writable.
///
/// It is used on the event loop of its channel only.
final class PlaintextQueue: ChannelDuplexHandler {
    typealias InboundIn = NIOAny
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Bytes of plaintext in a full record (RFC 8446 §5.1).
    static let record = 16 << 10

    private struct Write {
        var bytes: ByteBuffer
        let promise: EventLoopPromise<Void>?
    }

    /// Writers stop while the channel is not writable, as they do without TLS; that bounds the queue.
    private var waiting: Deque<Write> = []
    /// The number of those that are flushed.
    private var flushed = 0
    /// Bytes of plaintext that wait.
    private(set) var bytes = 0
    private var isPassing = false
    /// Whether the handlers behind this one may write; the event about a change has been sent.
    private var isWritable = true
    private var isClosed = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isClosed else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        let write = Write(bytes: unwrapOutboundIn(data), promise: promise)
        bytes += write.bytes.readableBytes
        waiting.append(write)
    }

    func flush(context: ChannelHandlerContext) {
        flushed = waiting.count
        pass(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        pass(context)
        noteWritability(context)
    }

    /// Reads from now on also what no handler behind this one asks for, without autoRead.
    ///
    /// A read may bring only a part of a record. The handler of TLS then reads again by itself, but only if autoRead is
    /// off; else it relies on the handlers behind it, and the server has stopped reading.
    func readOn(_ context: ChannelHandlerContext) {
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        context.read()
    }

    /// Passes flushed bytes on while the channel is writable, and flushes them record by record.
    private func pass(_ context: ChannelHandlerContext) {
        // A flush may change the writability or complete a write, which both may call this method from within.
        guard !isPassing else { return }
        isPassing = true
        // What a flush adds from within is passed on too, because no later event needs to come.
        repeat {
            passRecord(context)
            context.flush()
        } while flushed > 0 && context.channel.isWritable
        isPassing = false
        noteWritability(context)
    }

    /// Passes on flushed writes that fit into one record together, or a part of the first one.
    private func passRecord(_ context: ChannelHandlerContext) {
        var room = Self.record
        while flushed > 0, context.channel.isWritable {
            let count = min(waiting[0].bytes.readableBytes, Self.record)
            guard count <= room else { return }
            passFirst(count, context)
            room -= count
        }
    }

    private func passFirst(_ count: Int, _ context: ChannelHandlerContext) {
        var write = waiting.removeFirst()
        bytes -= count
        if count < write.bytes.readableBytes, let piece = write.bytes.readSlice(length: count) {
            waiting.prepend(write)
            context.write(wrapOutboundOut(piece), promise: nil)
        } else {
            flushed -= 1
            context.write(wrapOutboundOut(write.bytes), promise: write.promise)
        }
    }

    /// Sends the event to the handlers behind this one, for which the connection is writable when nothing waits here.
    private func noteWritability(_ context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable && flushed == 0
        guard isWritable != self.isWritable else { return }
        self.isWritable = isWritable
        context.fireChannelWritabilityChanged()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // As without TLS: a close drops the bytes that wait. One of the output comes when no bytes wait.
        if mode == .all { drop() }
        context.close(mode: mode, promise: promise)
    }

    func channelInactive(context: ChannelHandlerContext) {
        drop()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { drop() }

    private func drop() {
        isClosed = true
        let dropped = waiting
        (waiting, flushed, bytes) = ([], 0, 0)
        for write in dropped { write.promise?.fail(ChannelError.ioOnClosedChannel) }
    }
}
