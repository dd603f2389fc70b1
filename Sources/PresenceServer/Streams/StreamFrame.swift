// Rollcall · PresenceServer

package import NIOCore

/// The bytes of one event, which all subscribers share, and optionally a head before them, which is the stream's own.
///
/// The head is an `id` line, or the beginning of a message of a socket.
package struct StreamFrame: Equatable, Sendable {
    /// Events up to this many bytes are copied behind their head, so that one write sends both.
    private static let copied = 16 << 10

    package let head: ByteBuffer?
    package let event: ByteBuffer

    package init(_ event: ByteBuffer) {
        head = nil
        self.event = event
    }

    /// An event with the stream's own bytes before it.
    package init(head: ByteBuffer, _ event: ByteBuffer) {
        if event.readableBytes > Self.copied {
            self.head = head
            self.event = event
        } else {
            var whole = head
            whole.writeImmutableBuffer(event)
            self.head = nil
            self.event = whole
        }
    }

    var bytes: Int { (head?.readableBytes ?? 0) + event.readableBytes }
}
