// Rollcall · PhoenixSocket

import Basics

/// The messages that a client posts to its long-poll session.
package struct LongPollBatch: Hashable, Sendable {
    /// Messages of one batch; phoenix.js sends further ones in the next request, and others are ignored.
    package static let maximumMessages = 100

    package let frames: [SocketFrame]

    /// Reads the body of a POST.
    ///
    /// - Parameter hasLines: Whether the body is `application/x-ndjson`: each line is a message, and a binary one is
    ///   base64. Any other body is one message.
    /// - Throws: For a line that is neither JSON nor base64.
    package init(_ body: [UInt8], hasLines: Bool) throws(SocketError) {
        guard hasLines else {
            frames = [.text(body)]
            return
        }
        var read: [SocketFrame] = []
        for line in body.split(separator: UInt8(ascii: "\n"), maxSplits: Self.maximumMessages) {
            guard read.count < Self.maximumMessages else { break }
            let text = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            guard let first = text.first else { continue }
            if first == UInt8(ascii: "[") || first == UInt8(ascii: "{") {
                read.append(.text(Array(text)))
            } else if let bytes = Base64URL.decode(anyAlphabet: text) {
                read.append(.binary(bytes))
            } else {
                throw SocketError(.invalidData, "A line of a batch is JSON, or a binary message in base64.")
            }
        }
        frames = read
    }
}
