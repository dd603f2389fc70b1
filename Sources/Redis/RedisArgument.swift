// Rollcall · Redis

package import NIOCore

/// One argument of a command: any bytes, in the form that the caller has.
package enum RedisArgument: Sendable, Hashable {
    case string(String)
    case bytes([UInt8])
    case buffer(ByteBuffer)
    case integer(Int)

    package init(_ string: String) { self = .string(string) }
    package init(_ bytes: [UInt8]) { self = .bytes(bytes) }
    package init(_ buffer: ByteBuffer) { self = .buffer(buffer) }
    package init(_ integer: Int) { self = .integer(integer) }
}

extension RedisArgument: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
}
