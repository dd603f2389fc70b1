// Rollcall · PresenceServer

import Foundation
import NIOCore
import PresenceText

/// The channel handler of a stream: writes frames to its socket, and notifies the stream of events of the connection.
///
/// It stands before the HTTP handlers. It drops all input, except that of a socket, which it reads while the client
/// takes bytes. It needs no encoder, because frames are encoded once for all subscribers. While no write is pending,
/// ``DirectSocketWriter`` sends a frame straight to the kernel, if its contract permits that; NIO writes the bytes that
/// the kernel does not take, when the socket has room. All other frames take the plain path, through the handlers
/// before this one.
final class StreamConnection: ChannelDuplexHandler {
    typealias InboundIn = NIOAny
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    /// The last chunk of a body (RFC 9112 §7.1).
    private static let lastChunk = ByteBuffer(string: "0\r\n\r\n")

    private let stream: OpenStream
    /// The node's budget for frames that wait for slow readers.
    private let budget: QueueBudget
    /// Whether frames keep their chunk framing; false for HTTP/1.0.
    private let isChunked: Bool
    /// Whether frames may go past NIO; see ``StreamOptions/sendsDirectly``.
    private let maySendDirectly: Bool
    /// Whether input goes on to the handlers behind this one, those of a socket.
    private let forwardsInput: Bool
    private var context: ChannelHandlerContext?
    /// Sends frames past NIO; nil where all bytes must take the plain path.
    private var direct: DirectSocketWriter?
    /// Whether input is read: for a handler before this one, because the end of TLS is a record, or for a socket.
    private(set) var readsOn = false
    /// The output that TLS has not encrypted yet; nil without TLS.
    private var plaintext: PlaintextQueue?
    /// Writes that NIO has not completed.
    private var pending = 0
    private(set) var isWritable = true
    /// Whether the kernel dropped the client, because it acknowledged nothing for too long.
    private var isGivenUp = false

    init(
        stream: OpenStream, budget: QueueBudget, isChunked: Bool = true, sendsDirectly: Bool = true,
        forwardsInput: Bool = false
    ) {
        self.stream = stream
        self.budget = budget
        self.isChunked = isChunked
        maySendDirectly = sendsDirectly
        self.forwardsInput = forwardsInput
    }

    /// Adds it before the HTTP handlers of a connection, and behind any handler between them and the socket.
    ///
    /// - Throws: If the connection is closed.
    func add(to pipeline: ChannelPipeline.SynchronousOperations) throws {
        // A connection without HTTP handlers is one of a test.
        let http = try? pipeline.handler(type: RequestStart.self)
        try pipeline.addHandler(self, position: http.map { .before($0) } ?? .last)
    }

    /// Whether frames go past NIO while no write is pending.
    var sendsDirectly: Bool { direct != nil }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if maySendDirectly { direct = DirectSocketWriter(context) }
        if direct == nil, !DirectSocketWriter.isNextToSocket(context) {
            readsOn = true
            plaintext = try? context.pipeline.syncOperations.handler(type: PlaintextQueue.self)
        }
        if forwardsInput { readsOn = true }
        isWritable = context.channel.isWritable
        // Bytes that were written before go first.
        if unsentBytes > 0 { writeLater(ByteBuffer(), context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        direct = nil
        plaintext = nil
    }

    /// Reads input without autoRead, if a handler needs it.
    ///
    /// A socket reads nothing while its client takes nothing. This bounds the answers that wait for the client.
    func readOn() { if readsOn, isWritable || !forwardsInput { context?.read() } }

    /// Bytes that were written and that the kernel has not taken.
    var unsentBytes: Int { context.map { SocketQueue.untakenBytes($0, plaintext) } ?? 0 }

    /// Bytes that were written and that the client has not acknowledged.
    var unreadBytes: Int { unsentBytes + (context.map(SocketQueue.unacknowledgedBytes) ?? 0) }

    func write(_ frame: StreamFrame) {
        if let head = frame.head { write(head) }
        write(frame.event)
    }

    /// Writes a frame, for HTTP/1.0 without its chunk framing.
    func write(_ frame: ByteBuffer) { writeBytes(isChunked ? frame : EventFrame.unframed(frame)) }

    /// Writes bytes unchanged.
    func writeBytes(_ frame: ByteBuffer) {
        guard let context, context.channel.isActive else { return }
        let sent = sendDirectly(frame)
        guard sent < frame.readableBytes else { return }
        var rest = frame
        rest.moveReaderIndex(forwardBy: sent)
        writeLater(rest, context)
    }

    /// Sends past NIO if no earlier write is pending, and returns the number of bytes sent.
    private func sendDirectly(_ frame: ByteBuffer) -> Int {
        guard pending == 0, let direct else { return 0 }
        switch direct.send(frame) {
        case .sent(let count): return count
        case .failed(let code):
            // NIO gets the bytes, and closes the channel if its own write fails too.
            self.direct = nil
            if code == ETIMEDOUT { isGivenUp = true }
            return 0
        }
    }

    /// Writes through the pipeline, and counts the bytes in the node's budget while they wait.
    private func writeLater(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        pending += 1
        var isWaiting = true
        var held: CountedFrame?
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(bytes))).assumeIsolated().whenComplete { result in
            isWaiting = false
            self.pending -= 1
            switch result {
            case .success: held?.finish()
            case .failure(let error): self.note(error)
            }
            held = nil
        }
        // The rest of a frame keeps the whole frame in memory.
        if isWaiting { held = budget.hold(bytes, for: .stream(stream)) }
    }

    /// Ends the response and closes the connection, after at most 1 s even if the client does not take the last bytes.
    func finish() {
        guard let context else { return }
        // A client that takes no bytes would not take the last chunk.
        guard isWritable else { return close() }
        if isChunked { writeBytes(Self.lastChunk) }
        closeWhenSent(context)
    }

    /// What a socket does behind its close frame.
    enum SocketClose {
        /// It closes the connection at once: the client's close frame came before.
        case closes
        /// It closes the connection at the client's close frame.
        case awaitsFrame
        /// It ends its output, and closes the connection at the end of the client's: it reads no frame after a fault
        /// (RFC 6455 §7.1.1, §7.1.7).
        case awaitsEnd
    }

    /// Ends a socket with a close frame; it awaits the client for at most 1 s.
    func finish(with frame: ByteBuffer, then step: SocketClose) {
        guard let context else { return }
        guard isWritable else { return close() }
        writeBytes(frame)
        switch step {
        case .closes: closeWhenSent(context)
        case .awaitsFrame: closeSoon(context)
        case .awaitsEnd:
            whenSent(context) { self.context?.close(mode: .output, promise: nil) }
            closeSoon(context)
        }
    }

    private func closeWhenSent(_ context: ChannelHandlerContext) {
        guard pending > 0 else { return close() }
        whenSent(context) { self.close() }
        closeSoon(context)
    }

    /// Calls `action` when no write is pending.
    private func whenSent(_ context: ChannelHandlerContext, _ action: @escaping () -> Void) {
        guard pending > 0 else { return action() }
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer()))).assumeIsolated().whenComplete { _ in
            action()
        }
    }

    private func closeSoon(_ context: ChannelHandlerContext) {
        context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { self.close() }
    }

    func close() {
        // With half-closure, TLS ignores the client's answer to its end, and closes only after its time-out.
        if plaintext != nil { try? context?.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: false) }
        context?.close(promise: nil)
    }

    /// Notes that the kernel dropped the client, which it reports once, at the next use of the socket.
    private func note(_ error: any Error) {
        if (error as? IOError)?.errnoCode == ETIMEDOUT { isGivenUp = true }
    }

    // A socket gets its input; that of a stream of events is dropped. Without TLS such input stays in the kernel: NIO
    // reports its end without a read.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if forwardsInput { context.fireChannelRead(data) }
    }

    func channelReadComplete(context: ChannelHandlerContext) { readOn() }

    /// Refuses the close by an HTTP server that served earlier requests of this connection and now leaves it.
    ///
    /// The stream alone closes its connection, by ``close()``. The server leaves at any result of its close.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        self.isWritable = isWritable
        if isWritable { stream.writable() } else { stream.unwritable() }
        if forwardsInput { readOn() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        stream.connectionEnded(isUnread: isGivenUp)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        note(error)
        if isGivenUp { stream.connectionEnded(isUnread: true) }
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed? = event as? ChannelEvent else { return }
        stream.connectionEnded(isUnread: isGivenUp)
    }
}
