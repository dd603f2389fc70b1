// Rollcall · PresenceServer

import Basics
import Hummingbird
import JSONText
import NIOCore
import PresenceModel

extension Request {
    /// Reads the body as one JSON value.
    ///
    /// - Parameters:
    ///   - limit: Bytes of the longest body; a longer one is refused (413).
    ///   - type: The JSON media type that the route takes besides `application/json`.
    ///   - isStrict: Whether repeated members and texts that are not Unicode are refused here; if not, by the caller.
    /// - Returns: Nil for an empty body.
    func json(limit: Int, type: String? = nil, isStrict: Bool = true) async throws -> JSON? {
        let expected = BodyType(limit: limit, type: type)
        try expected.check(self.headers)
        let buffer = try await self.collectBody(expected)
        guard buffer.readableBytes > 0 else { return nil }
        do {
            return try JSON(
                parsing: Array(buffer.readableBytesView), maximumDepth: Limits.bodyDepth, isStrict: isStrict)
        } catch {
            // A repeated member or half of a surrogate pair is well-formed JSON, but a wrong body.
            throw error.code == .malformed
                ? Problem(.malformedJSON, error.detail, errors: [FieldError(error)]) : Problem(error)
        }
    }

    /// Reads the body; one that is longer than `expected` permits is refused (413).
    func collectBody(_ expected: BodyType) async throws -> ByteBuffer {
        do {
            return try await self.body.collect(upTo: expected.limit)
        } catch is NIOTooManyBytesError {
            throw expected.tooLarge
        }
    }

    /// Reads the body as ``json(limit:type:isStrict:)`` does, but refuses an empty one (400).
    ///
    /// - Parameter content: The content that the route expects, for the problem.
    func json(_ content: String, limit: Int, type: String? = nil, isStrict: Bool = true) async throws -> JSON {
        guard let json = try await self.json(limit: limit, type: type, isStrict: isStrict) else {
            throw Problem(.malformedJSON, "The body is empty; \(content) is expected.")
        }
        return json
    }
}
