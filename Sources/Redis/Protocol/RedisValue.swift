// Rollcall · Redis

package import NIOCore

/// One reply of Redis, in RESP2.
package enum RedisValue: Sendable, Hashable {
    case status(String)
    case bulk(ByteBuffer)
    case integer(Int64)
    case array([RedisValue])
    /// A null bulk or a null array: RESP2 has both, with one meaning.
    case null
    case error(RedisError)
}

extension RedisValue {
    /// The bytes of a bulk.
    package var buffer: ByteBuffer? {
        guard case .bulk(let buffer) = self else { return nil }
        return buffer
    }

    /// The text of a status, or of a bulk that is valid UTF-8.
    package var string: String? {
        switch self {
        case .status(let text): text
        case .bulk(let buffer): String(validating: buffer.readableBytesView, as: UTF8.self)
        default: nil
        }
    }

    /// An integer, also one that came as the decimal text of a bulk, as scripts and hashes give it.
    package var int: Int? {
        switch self {
        case .integer(let value): Int(exactly: value)
        case .bulk, .status: string.flatMap { Int($0) }
        default: nil
        }
    }

    /// The elements of an array.
    package var elements: [RedisValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// The error of an error reply.
    package var error: RedisError? {
        guard case .error(let error) = self else { return nil }
        return error
    }

    /// Throws an error reply, and returns any other value.
    package func get() throws(RedisError) -> RedisValue {
        if case .error(let error) = self { throw error }
        return self
    }
}
