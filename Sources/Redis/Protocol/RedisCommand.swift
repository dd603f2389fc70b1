// Rollcall · Redis

package import NIOCore

/// A command and its arguments, encoded as an array of bulks.
package struct RedisCommand: Sendable {
    package let name: String
    package let arguments: [RedisArgument]
    /// The text to send with EVAL when Redis does not know the digest that is the first argument.
    package private(set) var fallback: [UInt8]?

    package init(_ name: String, _ arguments: [RedisArgument] = []) {
        self.name = name
        self.arguments = arguments
    }

    /// Makes an EVALSHA of `digest`, or an EVAL of `source` when there is no digest.
    init(digest: String?, source: [UInt8], keys: [RedisArgument], arguments: [RedisArgument]) {
        var all: [RedisArgument] = []
        all.reserveCapacity(2 + keys.count + arguments.count)
        all.append(digest.map { .string($0) } ?? .bytes(source))
        all.append(.integer(keys.count))
        all.append(contentsOf: keys)
        all.append(contentsOf: arguments)
        self.init(digest == nil ? "EVAL" : "EVALSHA", all)
        self.fallback = digest == nil ? nil : source
    }

    /// The same call with the text of the script in place of its digest; nil for a command without a digest.
    package var withSource: RedisCommand? {
        guard let fallback else { return nil }
        return RedisCommand("EVAL", [.bytes(fallback)] + arguments.dropFirst())
    }

    /// An upper bound of the encoded size in bytes.
    var encodedSize: Int {
        arguments.reduce(32 + name.utf8.count) { $0 + 16 + $1.size }
    }

    package func encode(into buffer: inout ByteBuffer) {
        buffer.writeLine("*", arguments.count + 1)
        buffer.writeBulk(name)
        for argument in arguments {
            switch argument {
            case .string(let text): buffer.writeBulk(text)
            case .integer(let number): buffer.writeBulk(String(number))
            case .bytes(let bytes):
                buffer.writeLine("$", bytes.count)
                buffer.writeBytes(bytes)
                buffer.writeLineEnd()
            case .buffer(let bytes):
                buffer.writeLine("$", bytes.readableBytes)
                buffer.writeImmutableBuffer(bytes)
                buffer.writeLineEnd()
            }
        }
    }
}

extension RedisCommand: CustomStringConvertible, CustomReflectable {
    /// The name alone: arguments may be secrets, and are always data of users.
    package var description: String { name }
    package var customMirror: Mirror { Mirror(self, children: ["name": name]) }
}

extension RedisArgument {
    /// The length in bytes; for any integer 20, the length of the longest one.
    fileprivate var size: Int {
        switch self {
        case .string(let text): text.utf8.count
        case .bytes(let bytes): bytes.count
        case .buffer(let buffer): buffer.readableBytes
        case .integer: 20
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func writeBulk(_ text: String) {
        writeLine("$", text.utf8.count)
        writeString(text)
        writeLineEnd()
    }

    fileprivate mutating func writeLineEnd() {
        writeInteger(0x0d0a as UInt16)
    }

    /// Writes a line such as `*3\r\n`, digit by digit from the last one; 23 bytes hold the longest number.
    fileprivate mutating func writeLine(_ marker: Unicode.Scalar, _ count: Int) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: 23) { bytes in
            var digits = 1
            var rest = count
            while rest >= 10 {
                rest /= 10
                digits += 1
            }
            bytes[0] = UInt8(ascii: marker)
            rest = count
            for index in stride(from: digits, through: 1, by: -1) {
                bytes[index] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
            bytes[digits + 1] = UInt8(ascii: "\r")
            bytes[digits + 2] = UInt8(ascii: "\n")
            return digits + 3
        }
    }
}

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
