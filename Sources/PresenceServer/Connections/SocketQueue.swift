// Rollcall · PresenceServer

import Foundation
import NIOCore

/// What the kernel holds of a connection's output.
enum SocketQueue {
    /// Bytes that the kernel has taken and that the peer has not acknowledged; 0 where the system does not say.
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
