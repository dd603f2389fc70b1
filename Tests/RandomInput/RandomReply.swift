// Rollcall · RandomInput

package import NIOCore
package import Redis

/// Random replies and their bytes, the same for the same seed.
package struct RandomReply {
    private var generator: SplitMix
    private let hasLongStrings: Bool

    /// - Parameter hasLongStrings: whether some strings have more bytes than the reader takes at once; they take more
    ///   time.
    package init(seed: UInt64, hasLongStrings: Bool = true) {
        generator = SplitMix(seed: seed)
        self.hasLongStrings = hasLongStrings
    }

    package mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + generator.below(range.count)
    }

    package mutating func value(depth: Int = 0) -> RedisValue {
        switch number(0...(depth < 7 ? 8 : 5)) {
        case 0: .status(line())
        case 1: .error(RedisError(reply: ["ERR ", "READONLY ", "NOSCRIPT "][number(0...2)] + line()))
        case 2: .integer([0, -1, .min, .max, Int64(number(-999...999))][number(0...4)])
        case 3: .null
        case 4, 5: .bulk(ByteBuffer(bytes: bytes()))
        default: .array((0..<number(0...5)).map { _ in value(depth: depth + 1) })
        }
    }

    /// Random bytes, with line ends and zeros.
    private mutating func bytes() -> [UInt8] {
        let count = hasLongStrings && number(0...40) == 0 ? number(60_000...140_000) : number(0...30)
        return (0..<count).map { _ in [13, 10, 0, 36, 42][number(0...4)] }
    }

    /// A line without "\r" and "\n", which Redis removes from a line: hiredis 1.x refuses them, 0.14 lets them pass.
    private mutating func line() -> String {
        String((0..<number(0...20)).map { _ in ["a", "Z", " ", "é", "\0", "$"][number(0...5)] as Character })
    }

    package static func encode(_ value: RedisValue, into buffer: inout ByteBuffer) {
        switch value {
        case .status(let text): buffer.writeString("+\(text)\r\n")
        case .error(let error): buffer.writeString("-\(error.message)\r\n")
        case .integer(let number): buffer.writeString(":\(number)\r\n")
        case .null: buffer.writeString("$-1\r\n")
        case .bulk(let bytes):
            buffer.writeString("$\(bytes.readableBytes)\r\n")
            buffer.writeImmutableBuffer(bytes)
            buffer.writeString("\r\n")
        case .array(let elements):
            buffer.writeString("*\(elements.count)\r\n")
            for element in elements { encode(element, into: &buffer) }
        }
    }
}
