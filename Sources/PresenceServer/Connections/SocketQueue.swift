// Rollcall · PresenceServer

import Foundation
import NIOCore

/// Reads how much of a connection's output is on its way.
enum SocketQueue {
    /// Bytes that were written and that the kernel has not taken.
    ///
    /// - Parameter plaintext: The output that TLS has not encrypted yet.
    static func untakenBytes(_ context: ChannelHandlerContext, _ plaintext: PlaintextQueue?) -> Int {
        let waiting = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        return waiting + (plaintext?.bytes ?? 0)
    }

    /// Bytes in the kernel that the peer has not acknowledged; 0 if the system does not report them.
    static func unacknowledgedBytes(_ context: ChannelHandlerContext) -> Int {
        #if os(Linux)
            let bytes = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(
                of: NIOBSDSocket.Handle.self
            ) {
                socket in
                var bytes: CInt = 0
                return ioctl(socket, UInt(TIOCOUTQ), &bytes) == 0 ? Int(bytes) : 0
            }
            return bytes ?? 0
        #else
            return 0
        #endif
    }
}
