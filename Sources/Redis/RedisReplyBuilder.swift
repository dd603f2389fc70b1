// Rollcall · Redis

import CHiredis
import NIOCore

/// Builds a reply from what hiredis' parser finds, in the order of the stream.
///
/// The order alone says what belongs where, so hiredis gets no objects of ours to own: each callback hands it the
/// builder's own address as "made", or nil, which ends the stream, for what is refused.
final class RedisReplyBuilder {
    /// An array whose last elements are still to come.
    private struct OpenArray {
        var elements: [RedisValue] = []
        var missing: Int
    }

    /// What hiredis calls; it keeps the pointer as long as any reader lives.
    nonisolated(unsafe) static let callbacks: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        // because: written here once, and read only after that.
        let callbacks = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        // By name, since hiredis 1.x has more of them, in another order. Those stay null: they are for types of RESP3,
        // which hiredis then passes over, so that `take` finds no whole reply.
        callbacks.initialize(to: redisReplyObjectFunctions())
        callbacks.pointee.createString = { task, text, length in
            let text = UnsafeRawBufferPointer(start: text, count: length)
            return RedisReplyBuilder.of(task) { $0.addString(text, task) }
        }
        callbacks.pointee.createArray = { task, count in RedisReplyBuilder.of(task) { $0.openArray(Int(count)) } }
        callbacks.pointee.createInteger = { task, number in
            RedisReplyBuilder.of(task) { $0.add(.integer(Int64(number))) }
        }
        callbacks.pointee.createNil = { task in RedisReplyBuilder.of(task) { $0.add(.null) } }
        callbacks.pointee.freeObject = { _ in }
        return callbacks
    }()

    private static let allocator = ByteBufferAllocator()
    /// Room made in advance in an array, however many elements it announces.
    private static let firstCapacity = 1024

    /// Why the stream was ended, when it was not hiredis that did.
    private(set) var refusal: String?
    private let limits: RedisReplyLimits
    private var open: [OpenArray] = []
    private var whole: RedisValue?
    private var bytes = 0
    private var elements = 0

    init(limits: RedisReplyLimits) {
        self.limits = limits
    }

    var isInsideArray: Bool { !open.isEmpty }

    var remainingBytes: Int { limits.bytes - bytes }

    /// Gives the reply that was completed, and begins the next; nil when a part of it was nothing that RESP2 has.
    func take() -> RedisValue? {
        bytes = 0
        elements = 0
        return whole.take()
    }

    private static func of(
        _ task: UnsafePointer<redisReadTask>?, _ build: (RedisReplyBuilder) -> Bool
    ) -> UnsafeMutableRawPointer? {
        guard let task, let owner = task.pointee.privdata else { return nil }
        let builder = Unmanaged<RedisReplyBuilder>.fromOpaque(owner).takeUnretainedValue()
        guard isRESP2(task.pointee.type) else {
            _ = builder.refuse("a reply of a type that RESP2 does not have")
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

    /// Copies the text, which hiredis lends for the time of the call only.
    private func addString(_ text: UnsafeRawBufferPointer, _ task: UnsafePointer<redisReadTask>?) -> Bool {
        guard text.count <= remainingBytes else {
            return refuse("strings of more than \(limits.bytes) bytes in one reply")
        }
        bytes += text.count
        switch task?.pointee.type {
        case REDIS_REPLY_STRING: return addBulk(text)
        case REDIS_REPLY_STATUS: return add(.status(String(decoding: text, as: UTF8.self)))
        default: return add(.error(RedisError(reply: String(decoding: text, as: UTF8.self))))
        }
    }

    private func addBulk(_ text: UnsafeRawBufferPointer) -> Bool {
        // hiredis has the two bytes after a string in its buffer, and skips them unseen.
        guard let end = text.baseAddress?.advanced(by: text.count),
            end.load(as: UInt8.self) == UInt8(ascii: "\r"),
            end.load(fromByteOffset: 1, as: UInt8.self) == UInt8(ascii: "\n")
        else {
            return refuse("a string that is longer than it announced")
        }
        var buffer = Self.allocator.buffer(capacity: text.count)
        buffer.writeBytes(text)
        return add(.bulk(buffer))
    }

    private func openArray(_ count: Int) -> Bool {
        guard open.count < RedisReplyLimits.depth else {
            return refuse("arrays nested more than \(RedisReplyLimits.depth) deep")
        }
        guard count <= limits.elements - elements else {
            return refuse("arrays of more than \(limits.elements) elements in one reply")
        }
        guard count > 0 else { return add(.array([])) }
        elements += count
        var array = OpenArray(missing: count)
        array.elements.reserveCapacity(min(count, Self.firstCapacity))
        open.append(array)
        return true
    }

    /// Puts a value into the innermost array, and each array that this completes into the one around it.
    private func add(_ value: RedisValue) -> Bool {
        var value = value
        while let innermost = open.indices.last {
            open[innermost].elements.append(value)
            open[innermost].missing -= 1
            guard open[innermost].missing == 0 else { return true }
            value = .array(open.removeLast().elements)
        }
        whole = value
        return true
    }

    private func refuse(_ reason: String) -> Bool {
        refusal = reason
        return false
    }
}
