// Rollcall · PresenceServer

import Foundation
import NIOCore
import NIOPosix

/// Takes a response that has become a stream away from the HTTP server: its socket goes on in a pipeline of its own.
///
/// What the server keeps for each connection (a task, whose stack never shrinks, decoders, queues) is several times
/// what a stream needs, and each event would pass it.
enum StreamTakeover {
    /// Gives the stream a descriptor of its own of the socket of `channel`, whose response has begun; called on its loop.
    ///
    /// The caller then closes `channel`: the server sees its connection end, which the client does not.
    ///
    /// - Throws: `IOError` when the node has no descriptor left; `ChannelError` when the client has gone, or has not taken
    ///   yet what it was told before.
    static func move(
        _ channel: any Channel, to connection: StreamConnection
    ) throws -> EventLoopFuture<any Channel> {
        let loop = channel.eventLoop
        let server = channel.pipeline.syncOperations
        guard channel.isActive, try channel.syncOptions?.getOption(.bufferedWritableBytes) == 0 else {
            throw ChannelError.ioOnClosedChannel
        }
        let copy = try server.withUnsafeTransportIfAvailable { (socket: NIOBSDSocket.Handle) in
            let copy = fcntl(socket, F_DUPFD_CLOEXEC, 0)
            guard copy >= 0 else { throw IOError(errnoCode: errno, reason: "dup") }
            return copy
        }
        guard let copy else { throw ChannelError.operationUnsupported }
        // From here on what the client sends wakes neither; that it hangs up wakes both.
        try channel.syncOptions?.setOption(.autoRead, value: false)
        let connection = NIOLoopBound(connection, eventLoop: loop)
        return ClientBootstrap(group: loop)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                loop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(connection.value) }
            }
            .withConnectedSocket(copy)
    }
}
