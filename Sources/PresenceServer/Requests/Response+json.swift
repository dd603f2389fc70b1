// Rollcall · PresenceServer

import HTTPTypes
package import Hummingbird
import NIOCore

extension Response {
    /// A JSON answer with a newline at its end, so that a shell's prompt begins on a new line.
    package static func json(_ bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        var buffer = ByteBufferAllocator().buffer(capacity: bytes.count + 1)
        buffer.writeBytes(bytes)
        buffer.writeInteger(UInt8(ascii: "\n"))
        return Response(
            status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: buffer))
    }

    /// An answer of any other type.
    package static func bytes(_ bytes: [UInt8], type: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: type],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// The answer with `Cache-Control: no-store`.
    func notStored() -> Response {
        var response = self
        response.headers[.cacheControl] = "no-store"
        return response
    }

    /// The 304 for an answer that the client has already.
    ///
    /// - Parameter cacheControl: The `Cache-Control` of the answer itself (RFC 9110 §15.4.5).
    static func unchanged(_ tag: String, cacheControl: String) -> Response {
        var response = Response(status: .notModified)
        response.headers[.contentLength] = nil
        response.headers[.eTag] = tag
        response.headers[.cacheControl] = cacheControl
        return response
    }
}
