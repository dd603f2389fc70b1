// Rollcall · PresenceServer

package import HTTPTypes
package import NIOCore

/// A stream that a request has asked for rightly: how its answer begins, and what goes on from there.
package struct OpenedStream {
    package var headers: HTTPFields
    /// The first bytes of its body, as a chunk.
    private let first: ByteBuffer
    private let begin: (any Channel, _ opening: ByteBuffer, _ isChunked: Bool) -> Void
    /// Whether the body is written in chunks, which HTTP/1.0 does not know.
    var isChunked = true
    /// Called when it begins, which may be after other answers, or never.
    var onBegin: () -> Void = {}

    /// - Parameter begin: Takes the connection, on its loop, and sends `opening` before anything else, as it is.
    package init(
        headers: HTTPFields, first: ByteBuffer,
        begin: @escaping (any Channel, _ opening: ByteBuffer, _ isChunked: Bool) -> Void
    ) {
        self.headers = headers
        self.first = first
        self.begin = begin
    }

    /// Begins the answer on a connection that is the stream's alone from here on.
    func begin(on channel: any Channel) {
        guard channel.isActive else { return }
        onBegin()
        var opening = channel.allocator.buffer(capacity: 512)
        opening.writeString("HTTP/1.1 200 OK\r\n")
        for field in headers { opening.writeString("\(field.name.rawName): \(field.value)\r\n") }
        opening.writeString(isChunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n")
        opening.writeImmutableBuffer(isChunked ? first : EventFrame.unframed(first))
        begin(channel, opening, isChunked)
    }
}
