// Rollcall · Redis

import CHiredis
import NIOCore

/// Builds replies from the callbacks of hiredis' parser.
///
/// The callbacks come in the order of the stream, which is all that the builder needs. So hiredis owns no object of
/// ours: a callback returns the address of the builder, or nil for a refused part, which ends the stream.
final class RedisReplyBuilder {
    /// The callbacks for hiredis, which keeps the pointer as long as a reader lives.
    nonisolated(unsafe) static let callbacks: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        // because: written here once, and read only after that.
        let callbacks = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        // Set by name, because hiredis 1.x has more callbacks, in another order. Those stay null: they are for types of
        // RESP3, which hiredis then skips, so that `take` finds no complete reply.
        callbacks.initialize(to: redisReplyObjectFunctions())
        callbacks.pointee.createString = { task, text, length in
            let text = UnsafeRawBufferPointer(start: text, count: length)
            return RedisReplyBuilder.of(task) { $0.addString(text, task) }
        }
        callbacks.pointee.createArray = { task, count in
            RedisReplyBuilder.of(task) { $0.assembly.openArray(Int(count)) }
        }
        callbacks.pointee.createInteger = { task, number in
            RedisReplyBuilder.of(task) { $0.assembly.add(.integer(Int64(number))) }
        }
        callbacks.pointee.createNil = { task in RedisReplyBuilder.of(task) { $0.assembly.add(.null) } }
        callbacks.pointee.freeObject = { _ in }
        return callbacks
    }()

    private var assembly: RedisReplyAssembly

    init(limits: RedisReplyLimits) {
        assembly = RedisReplyAssembly(limits: limits)
    }

    /// Why the builder ended the stream; nil when hiredis did.
    var refusal: String? { assembly.refusal }

    var isInsideArray: Bool { assembly.isInsideArray }

    var remainingBytes: Int { assembly.remainingBytes }

    /// Returns the complete reply and begins the next one; nil when a part had a type that RESP2 lacks.
    func take() -> RedisValue? { assembly.take() }

    private static func of(
        _ task: UnsafePointer<redisReadTask>?, _ build: (RedisReplyBuilder) -> Bool
    ) -> UnsafeMutableRawPointer? {
        guard let task, let owner = task.pointee.privdata else { return nil }
        let builder = Unmanaged<RedisReplyBuilder>.fromOpaque(owner).takeUnretainedValue()
        guard isRESP2(task.pointee.type) else {
            _ = builder.assembly.refuse("a reply of a type that RESP2 does not have")
            return nil
        }
        return build(builder) ? owner : nil
    }

    /// REDIS_REPLY_NIL is RESP3's: RESP2 writes nil as a string or an array.
    private static func isRESP2(_ type: CInt) -> Bool {
        switch type {
        case REDIS_REPLY_STRING, REDIS_REPLY_ARRAY, REDIS_REPLY_INTEGER, REDIS_REPLY_STATUS, REDIS_REPLY_ERROR: true
        default: false
        }
    }

    /// Copies the text, which hiredis keeps only during the call.
    private func addString(_ text: UnsafeRawBufferPointer, _ task: UnsafePointer<redisReadTask>?) -> Bool {
        switch task?.pointee.type {
        case REDIS_REPLY_STRING:
            // hiredis has the two bytes after a string in its buffer, and skips them without a check.
            guard let end = text.baseAddress?.advanced(by: text.count),
                end.load(as: UInt8.self) == UInt8(ascii: "\r"),
                end.load(fromByteOffset: 1, as: UInt8.self) == UInt8(ascii: "\n")
            else {
                return assembly.refuse("a string that is longer than it announced")
            }
            return assembly.add(bulk: text)
        case REDIS_REPLY_STATUS: return assembly.add(line: text) { .status($0) }
        default: return assembly.add(line: text) { .error(RedisError(reply: $0)) }
        }
    }
}
