// Rollcall · PresenceServer

package import HTTPTypes
package import NIOCore
import PresenceText

/// The response to a valid request for a stream: its header fields, its first bytes, and how the stream begins.
package struct OpenedStream: Sendable {
    package var headers: HTTPFields
    /// The first bytes of its body, as a chunk.
    private let first: ByteBuffer
    private let begin: @Sendable (any Channel, _ opening: ByteBuffer, _ isChunked: Bool) -> Void
    /// Whether the body is written in chunks; false for HTTP/1.0.
    var isChunked = true
    /// Called when the stream begins: at once, after the responses to earlier requests, or never.
    var onBegin: @Sendable () -> Void = {}

    /// - Parameter begin: Takes the connection over, on its loop, and first sends `opening` unchanged.
    package init(
        headers: HTTPFields, first: ByteBuffer,
        begin: @escaping @Sendable (any Channel, _ opening: ByteBuffer, _ isChunked: Bool) -> Void
    ) {
        self.headers = headers
        self.first = first
        self.begin = begin
    }

    /// Begins the response: from here on only the stream writes to the connection.
    func begin(on channel: any Channel) {
        guard channel.isActive else { return }
        onBegin()
        var opening = channel.allocator.buffer(capacity: 512)
        opening.writeString("HTTP/1.1 200 OK\r\n")
        for field in headers { opening.writeField(field) }
        opening.writeString(isChunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n")
        opening.writeImmutableBuffer(isChunked ? first : EventFrame.unframed(first))
        begin(channel, opening, isChunked)
    }
}
