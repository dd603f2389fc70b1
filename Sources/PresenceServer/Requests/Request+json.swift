// Rollcall · PresenceServer

import HTTPTypes
import Hummingbird
import NIOCore
import Presence

extension Request {
    /// Reads the body as one JSON value.
    ///
    /// - Parameters:
    ///   - limit: Bytes beyond which it is refused unread (413).
    ///   - type: The JSON media type the route takes besides `application/json`.
    ///   - isStrict: Whether a repeated member or a text that is no Unicode is refused here; if not, by the caller.
    /// - Returns: Nil for an empty body.
    func json(limit: Int, type: String? = nil, isStrict: Bool = true) async throws -> JSON? {
        try self.requireJSON(alsoAs: type)
        let buffer: ByteBuffer
        do {
            // What says that it is too large need not be sent first.
            if let length = self.headers[.contentLength].flatMap({ Int($0) }), length > limit {
                throw NIOTooManyBytesError(maxBytes: limit)
            }
            buffer = try await self.body.collect(upTo: limit)
        } catch is NIOTooManyBytesError {
            throw Problem(.bodyTooLarge, "The body has more than \(limit) bytes, which is the most this route reads.")
        }
        guard buffer.readableBytes > 0 else { return nil }
        do {
            return try JSON(
                parsing: Array(buffer.readableBytesView), maximumDepth: JSON.maximumBodyDepth, isStrict: isStrict)
        } catch {
            // A member given twice, or half of a surrogate pair, is well-formed JSON and a wrong body.
            throw error.code == .malformed
                ? Problem(.malformedJSON, error.detail, errors: [FieldError(error)]) : Problem(error)
        }
    }

    /// Refuses media types that are not JSON.
    ///
    /// None at all is taken for JSON, and so is what `curl -d` says of everything it sends.
    private func requireJSON(alsoAs type: String?) throws(Problem) {
        guard let field = self.headers[.contentType] else { return }
        let given = field.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        guard given != "application/json", given != "application/x-www-form-urlencoded", given != type else { return }
        let taken = ["application/json", type].compactMap(\.self).joined(separator: " or ")
        throw Problem(
            .unsupportedMediaType, at: .header("Content-Type"), "The body's type is \(excerpt(given)); send \(taken).")
    }
}
