// Rollcall · PresenceServer

package import HTTPTypes
package import NIOCore

/// A stream that a request has asked for rightly: how its answer begins, and what goes on from there.
package struct OpenedStream {
    package var headers: HTTPFields
    /// The first bytes of its body, as a chunk.
    private let first: ByteBuffer
    private let begin: (any Channel, _ opening: ByteBuffer) -> Void
    /// Called when it begins, which may be after other answers, or never.
    var onBegin: () -> Void = {}

    /// - Parameter begin: Takes the connection, on its loop; the client is to be told `opening` before anything else.
    package init(
        headers: HTTPFields, first: ByteBuffer, begin: @escaping (any Channel, _ opening: ByteBuffer) -> Void
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
        opening.writeString("Transfer-Encoding: chunked\r\n\r\n")
        opening.writeImmutableBuffer(first)
        begin(channel, opening)
    }
}
