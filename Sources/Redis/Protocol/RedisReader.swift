// Rollcall · Redis

import CHiredis
package import NIOCore

/// Owns hiredis' parser, and turns a stream of bytes in pieces of any size into replies.
///
/// After an error the stream has no meaning: every later call throws the same error.
package struct RedisReader: ~Copyable {
    /// hiredis moves the unread rest of its buffer after each reply: 1 MiB at once is ten times slower than 64 KiB.
    private static let portion = 64 << 10
    /// The longest line that can announce a length: a sign and 19 digits, with room to spare.
    private static let longestLength = 32

    private let reader: UnsafeMutablePointer<redisReader>
    private let builder: RedisReplyBuilder
    private let limits: RedisReplyLimits
    private var failure: RedisError?

    /// Throws only when there is no memory for a few hundred bytes.
    package init(limits: RedisReplyLimits) throws(RedisError) {
        guard let reader = redisReaderCreateWithFunctions(RedisReplyBuilder.callbacks) else {
            throw RedisError(.unavailable, "no memory for a reply parser")
        }
        self.reader = reader
        self.limits = limits
        self.builder = RedisReplyBuilder(limits: limits)
        // With the default of 16 KiB hiredis would free and allocate its buffer for each full portion.
        reader.pointee.maxbuf = 2 * Self.portion
        rollcall_reader_set_owner(reader, Unmanaged.passUnretained(builder).toOpaque())
    }

    deinit {
        redisReaderFree(reader)
    }

    /// Whether a reply has begun and is not complete.
    var isInsideReply: Bool {
        builder.isInsideArray || rollcall_reader_awaited_type(reader) != -1
    }

    /// Returns the next complete reply and reads as many of the `bytes` as it needs; nil when it has read all of them.
    package mutating func next(_ bytes: inout ByteBuffer) throws(RedisError) -> RedisValue? {
        if let failure { throw failure }
        do throws(RedisError) {
            while true {
                var reply: UnsafeMutableRawPointer?
                guard redisReaderGetReply(reader, &reply) == REDIS_OK else { throw parserError() }
                if reply != nil {
                    guard let value = builder.take() else {
                        throw violation("a reply of a type that RESP2 does not have")
                    }
                    return value
                }
                try checkAwaited()
                guard bytes.readableBytes > 0 else { return nil }
                try feed(&bytes)
            }
        } catch {
            failure = error
            throw error
        }
    }

    private func feed(_ bytes: inout ByteBuffer) throws(RedisError) {
        let status = bytes.readWithUnsafeReadableBytes { unread in
            let portion = UnsafeRawBufferPointer(rebasing: unread.prefix(Self.portion))
            let status = redisReaderFeed(
                reader, portion.baseAddress?.assumingMemoryBound(to: CChar.self), portion.count)
            return (portion.count, status)
        }
        guard status == REDIS_OK else { throw parserError() }
    }

    /// Throws for input that hiredis would collect without a bound: a bulk that announces too much, a line without end.
    private func checkAwaited() throws(RedisError) {
        let type = rollcall_reader_awaited_type(reader)
        let waiting = rollcall_reader_waiting(reader)
        guard type != -1, waiting > 0, let unread = rollcall_reader_unread(reader) else { return }
        guard type == REDIS_REPLY_STRING else {
            guard waiting <= limits.line else { throw violation("a line of more than \(limits.line) bytes") }
            return
        }
        var announced = 0
        for index in 0..<min(waiting, Self.longestLength) {
            let byte = UInt8(bitPattern: unread[index])
            if byte == UInt8(ascii: "\r") {
                guard announced <= builder.remainingBytes else {
                    throw violation("a string of \(announced) bytes, over the limit of \(limits.bytes) for a reply")
                }
                return
            }
            // hiredis refuses other characters when the line is complete.
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), announced < Int.max / 100 else { continue }
            announced = announced * 10 + Int(byte - UInt8(ascii: "0"))
        }
        guard waiting < Self.longestLength else { throw violation("the length of a string does not end") }
    }

    private func parserError() -> RedisError {
        violation(builder.refusal ?? String(cString: rollcall_reader_error(reader)))
    }

    private func violation(_ text: String) -> RedisError {
        RedisError(.protocolViolation, text)
    }
}

/// The bounds of one reply, nested replies included.
///
/// hiredis itself accepts `*2147483647` and any bulk, keeps a line without end and, from 1.0, nests without end.
package struct RedisReplyLimits: Sendable, Hashable {
    /// Arrays inside one another: as many as hiredis 0.14 has room for.
    static let depth = 8

    /// Bytes of all its strings together.
    package var bytes = 512 << 20
    /// Elements of all its arrays together.
    package var elements = 4 << 20
    /// Bytes of one line: a status, an error, an integer or a length.
    package var line = 1 << 20

    package init() {}
}
