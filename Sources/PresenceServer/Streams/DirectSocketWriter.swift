// Rollcall · PresenceServer

import Foundation
import NIOCore

/// Sends the bytes of one stream with `send(2)`, past the pipeline and the buffer of NIO.
///
/// Its contract:
/// - **Descriptor.** It is used only inside the scoped call of NIO, which throws once the channel has closed its
///   socket. It is never stored, because the kernel gives the number of a closed descriptor to the next connection.
/// - **Thread.** It is made and used on the event loop of the channel only.
/// - **Order.** ``StreamConnection`` calls ``send(_:)`` only while the channel is active and no write waits in NIO:
///   bytes in NIO's buffer were written earlier and go first.
/// - **Handlers.** No handler stands between the stream and the socket. The initializer checks this in every build, so
///   a handler that changes bytes, such as TLS, is never bypassed. The check runs once, when the stream begins. From
///   then on no code may add a handler before ``StreamConnection``.
///
/// Where the contract does not hold, there is no writer and bytes take the plain path: `writeAndFlush`.
struct DirectSocketWriter {
    /// The outcome of a send.
    enum Outcome: Equatable {
        /// It took this many bytes from the start: all, some, or none while its buffer is full. NIO waits for room and
        /// writes the rest.
        case sent(Int)
        /// It refused with this `errno`, such as `EPIPE` or `ECONNRESET` after the client has gone. NIO gets all bytes,
        /// meets the error at its own write, and closes the channel. The kernel reports `ETIMEDOUT` only once, so NIO
        /// then meets another error.
        case failed(CInt)
    }

    /// The part of NIO's channel that offers the scoped call.
    ///
    /// `withUnsafeTransportIfAvailable` finds it at each call with a cast to a generic protocol, which takes 0.7 µs.
    /// Here the cast is done once for a stream; the scoped call itself takes 0.03 µs.
    private let channel: any NIOTransportAccessibleChannelCore<NIOBSDSocket.Handle>

    /// - Returns: Nil if another handler stands between this one and the socket, or if the channel has no socket.
    init?(_ context: ChannelHandlerContext) {
        context.eventLoop.assertInEventLoop()
        guard
            let channel = context.channel._channelCore
                as? any NIOTransportAccessibleChannelCore<NIOBSDSocket.Handle>,
            Self.isNextToSocket(context)
        else { return nil }
        self.channel = channel
    }

    /// Sends without waiting and without a signal.
    func send(_ bytes: ByteBuffer) -> Outcome {
        #if os(Linux)
            let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        #else
            // NIO sets `SO_NOSIGPIPE`.
            let flags = MSG_DONTWAIT
        #endif
        do {
            return try channel.withUnsafeTransport { socket in
                bytes.withUnsafeReadableBytes { bytes in
                    Self.send(bytes) { Foundation.send(socket, $0.baseAddress, $0.count, flags) }
                }
            }
        } catch {
            // The channel has closed its socket, and NIO fails its next write.
            return .failed(EBADF)
        }
    }

    /// Calls `system`, which is `send(2)`, again while a signal interrupts it, and reads its result.
    static func send(_ bytes: UnsafeRawBufferPointer, with system: (UnsafeRawBufferPointer) -> Int) -> Outcome {
        while true {
            let sent = system(bytes)
            if sent >= 0 { return .sent(sent) }
            switch errno {
            case EINTR: continue
            case EAGAIN, EWOULDBLOCK: return .sent(0)
            case let error: return .failed(error)
            }
        }
    }

    /// Whether no handler stands between a handler and the socket.
    ///
    /// NIO has no API for the order of handlers, and the debug description of a pipeline traps for some pipelines. So
    /// this reads a private property of the context by reflection, in 5 µs. If a later NIO renames it, the result is
    /// false: streams take the plain path, and `DirectSocketWriterTests` fails.
    static func isNextToSocket(_ context: ChannelHandlerContext) -> Bool {
        // The head of a pipeline is NIO's own context, and the only one with none before it.
        guard case .some(let head?) = contextBefore(context), case .some(.none) = contextBefore(head) else {
            return false
        }
        return true
    }

    /// The context before another one, on the side of the socket; nil if NIO does not show it.
    private static func contextBefore(_ context: ChannelHandlerContext) -> ChannelHandlerContext?? {
        let property = Mirror(reflecting: context).children.first { $0.label == "prev" }
        return property.map { $0.value as? ChannelHandlerContext }
    }
}
