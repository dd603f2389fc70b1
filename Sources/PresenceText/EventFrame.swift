// Rollcall · PresenceText

package import NIOCore

/// Builds one or more SSE blocks as one chunk of an HTTP/1.1 body, so that all connections send the same bytes.
package struct EventFrame {
    private var text: [UInt8] = []

    package init() {}

    /// Appends `: text` and an empty line: curl shows it, clients ignore it.
    ///
    /// Control characters and line separators are escaped as in JSON, because some readers take them for line ends.
    package mutating func comment(_ comment: String) {
        append(": ")
        for scalar in comment.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator:
                append("\\u" + String(scalar.value + 0x10000, radix: 16).dropFirst())
            default: append(String(scalar))
            }
        }
        append("\n\n")
    }

    /// Appends one event.
    ///
    /// `data` appends JSON without line ends, so one `data:` line holds it.
    package mutating func event(_ name: String, id: String? = nil, data: (inout [UInt8]) -> Void) {
        if let id { append("id: \(id)\n") }
        append("event: \(name)\ndata: ")
        data(&text)
        append("\n\n")
    }

    /// Appends an `id` line alone, which moves the client's cursor without an event.
    package mutating func advance(to id: String) { append("id: \(id)\n\n") }

    /// Appends the `id` line of the event in the next frame.
    package mutating func id(_ id: String) { append("id: \(id)\n") }

    package mutating func append(_ string: String) { text.append(contentsOf: string.utf8) }

    /// The frame as a chunk: length in hexadecimal, CRLF, bytes, CRLF (RFC 9112 §7.1).
    package consuming func chunk() -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(text.count + 12)
        buffer.writeString(String(text.count, radix: 16))
        buffer.writeString("\r\n")
        buffer.writeBytes(text)
        buffer.writeString("\r\n")
        return buffer
    }

    /// The bytes of one or more chunks without their framing, for clients of HTTP/1.0.
    package static func unframed(_ chunks: ByteBuffer) -> ByteBuffer {
        var (rest, bytes) = (chunks, ByteBuffer())
        while let end = rest.readableBytesView.firstIndex(of: UInt8(ascii: "\r")),
            let text = rest.readString(length: end - rest.readerIndex), let length = Int(text, radix: 16),
            rest.readableBytes >= length + 4
        {
            rest.moveReaderIndex(forwardBy: 2)
            if let slice = rest.readSlice(length: length) { bytes.writeImmutableBuffer(slice) }
            rest.moveReaderIndex(forwardBy: 2)
        }
        return bytes
    }
}
