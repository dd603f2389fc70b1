// Rollcall · PresenceServer

package import NIOCore

/// The bytes of one event, which all subscribers share, and optionally an `id` line, which is the stream's own.
package struct StreamFrame: Equatable, Sendable {
    /// Events up to this many bytes are copied behind their `id` line, so that one write sends both.
    private static let copied = 16 << 10

    package let id: ByteBuffer?
    package let event: ByteBuffer

    package init(_ event: ByteBuffer) {
        id = nil
        self.event = event
    }

    /// An event with the stream's own `id` line before it.
    package init(id: ByteBuffer, _ event: ByteBuffer) {
        if event.readableBytes > Self.copied {
            self.id = id
            self.event = event
        } else {
            var whole = id
            whole.writeImmutableBuffer(event)
            self.id = nil
            self.event = whole
        }
    }

    var bytes: Int { (id?.readableBytes ?? 0) + event.readableBytes }
}
