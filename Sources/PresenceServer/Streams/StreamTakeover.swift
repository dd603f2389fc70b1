// Rollcall · PresenceServer

import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// Takes a response that has become a stream away from the HTTP server: its socket goes on in a pipeline of its own.
///
/// What the server keeps for each connection (a task, whose stack never shrinks, decoders, queues) is several times
/// what a stream needs, and each event would pass it.
enum StreamTakeover {
    /// Gives the stream a descriptor of its own of the socket of `channel`, whose response has begun; called on its loop.
    ///
    /// The caller then closes `channel`: the server sees its connection end, which the client does not.
    static func move(_ channel: any Channel, to connection: StreamConnection) -> EventLoopFuture<any Channel> {
        let loop = channel.eventLoop
        let connection = NIOLoopBound(connection, eventLoop: loop)
        return flushed(channel).flatMapThrowing {
            let copy = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable {
                (socket: NIOBSDSocket.Handle) in fcntl(socket, F_DUPFD_CLOEXEC, 0)
            }
            guard let copy, copy >= 0 else { throw ChannelError.ioOnClosedChannel }
            return copy
        }.flatMap { copy in
            ClientBootstrap(group: loop)
                .channelOption(.allowRemoteHalfClosure, value: true)
                // The only thing that is ever read is the client's end.
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64))
                .channelInitializer { channel in
                    loop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(connection.value) }
                }
                .withConnectedSocket(copy)
        }
    }

    /// Waits until the kernel has all that the server has written.
    private static func flushed(_ channel: any Channel) -> EventLoopFuture<Void> {
        let loop = channel.eventLoop
        if (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) == 0 { return loop.makeSucceededVoidFuture() }
        let written = loop.makePromise(of: Void.self)
        do {
            // From where the server's own bytes leave for the socket.
            let context = try channel.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self)
            context.writeAndFlush(NIOAny(IOData.byteBuffer(ByteBuffer())), promise: written)
        } catch {
            written.fail(error)
        }
        return written.futureResult
    }
}
