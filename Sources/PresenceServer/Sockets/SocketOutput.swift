// Rollcall · PresenceServer

import NIOCore
import PhoenixSocket

/// How the messages of a socket reach its client: frames on a connection, or answers to polls.
///
/// It is used on the loop of the socket only.
protocol SocketOutput: AnyObject {
    /// Sends a message for this client alone, which is never dropped.
    func send(_ text: [UInt8])

    /// Sends a frame of the feed.
    ///
    /// - Parameter joinRef: What the frame begins with; nil for a frame that is whole.
    /// - Returns: False if this frame and others were dropped, because the client is slow: no diff may be sent before
    ///   a state.
    func pass(_ frame: ByteBuffer, behind joinRef: MessageRef?, as kind: StreamQueue.Kind) -> Bool

    func ping()

    /// Writes the frames that wait, because the connection takes bytes again.
    ///
    /// - Returns: Whether the socket must now request states in place of dropped frames.
    func writable() -> Bool

    /// Watches whether the client takes bytes, because the connection takes no more for now.
    func unwritable()

    /// Returns whether the client is stuck; if not, looks again later.
    func isStuck() -> Bool

    /// Answers a ping of the client.
    func pong(_ payload: ByteBuffer)

    /// Sends what is left to send at the end, and closes.
    ///
    /// - Parameter code: The code of the client's own close frame.
    func finish(_ end: SocketEnd, echoing code: UInt16?)

    /// Closes at once; the client has sent its close frame, or has gone.
    func close()
}
