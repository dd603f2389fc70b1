// Rollcall · PresenceServer

package import NIOCore
package import PhoenixSocket

/// How sockets read what their clients send.
package struct SocketReading: Sendable {
    /// Bytes of a message.
    package var maximumBytes = ClientMessage.maximumBytes
    /// Fragments of a message.
    package var maximumFragments = FrameAssembler.maximumFragments
    /// Makes the frame that answers a message, in place of the channels; nil on a node.
    ///
    /// A program that a suite of tests for RFC 6455 checks answers with the same message.
    package var answer: (@Sendable (SocketFrame) -> ByteBuffer)?

    package init() {}
}
