// Rollcall · PresenceServer

import HTTPTypes
import NIOCore

/// How the body of a response is delimited (RFC 9112 §6.3).
enum ResponseFraming: Equatable {
    /// The response has no body.
    case none
    case length
    case chunked
    /// The end of the connection ends the body.
    case untilClose

    init(_ response: HTTPResponse, to request: ConnectionState.AnswerHead) {
        let status = response.status.code
        if request.isHead || status == 204 || status == 304 || status < 200 {
            self = .none
        } else if response.headerFields.contains(.contentLength) {
            self = .length
        } else {
            self = request.isHTTP10 ? .untilClose : .chunked
        }
    }
}

extension ByteBuffer {
    /// Writes a status line and fields; the parameters decide the fields of the connection and of the framing.
    mutating func writeHead(
        _ response: HTTPResponse, framing: ResponseFraming, closes: Bool, answersHTTP10: Bool
    ) {
        writeStaticString("HTTP/1.1 ")
        writeString(String(response.status.code))
        writeStaticString(" ")
        writeString(response.status.reasonPhrase)
        writeStaticString("\r\n")
        for field in response.headerFields {
            let name = field.name
            if name == .connection || name == .transferEncoding { continue }
            if name == .contentLength, response.status.code == 204 || response.status.code < 200 { continue }
            writeField(field)
        }
        if framing == .chunked { writeStaticString("Transfer-Encoding: chunked\r\n") }
        if closes {
            writeStaticString("Connection: close\r\n")
        } else if answersHTTP10 {
            writeStaticString("Connection: keep-alive\r\n")
        }
        writeStaticString("\r\n")
    }

    /// Writes one field and the end of its line.
    mutating func writeField(_ field: HTTPField) {
        writeString(field.name.rawName)
        writeStaticString(": ")
        writeString(field.value)
        writeStaticString("\r\n")
    }

    /// Writes a part of a chunked body.
    mutating func writeChunk(_ bytes: ByteBuffer) {
        writeString(String(bytes.readableBytes, radix: 16))
        writeStaticString("\r\n")
        writeImmutableBuffer(bytes)
        writeStaticString("\r\n")
    }
}
