// Rollcall · Redis

import NIOCore

/// Puts the parts of a reply together, in the order of the stream; pure.
///
/// Each method returns whether it took the part. After false, ``refusal`` has the reason.
struct RedisReplyAssembly {
    /// An array that is not complete.
    private struct OpenArray {
        private var elements: [RedisValue] = []
        private var missing: Int
        /// The bytes of its bulks, one after another: together they need one allocation, where each would need two.
        private var text = ByteBuffer()
        /// The index of each bulk among the elements, and its length in bytes.
        private var bulks: [(index: Int, length: Int)] = []

        init(count: Int) {
            missing = count
            elements.reserveCapacity(min(count, RedisReplyAssembly.firstCapacity))
            bulks.reserveCapacity(elements.capacity)
        }

        var isComplete: Bool { missing == 0 }

        mutating func append(_ value: RedisValue) {
            elements.append(value)
            missing -= 1
        }

        /// Copies a bulk, and appends null in its place to the elements.
        mutating func append(bulk: UnsafeRawBufferPointer) {
            text.writeBytes(bulk)
            bulks.append((elements.count, bulk.count))
            append(.null)
        }

        /// Returns the array when it is complete.
        ///
        /// Bulks are sliced only here, because a write into a buffer that has a slice copies all of it.
        consuming func value() -> RedisValue {
            for (index, length) in bulks {
                if let bulk = text.readSlice(length: length) { elements[index] = .bulk(bulk) }
            }
            return .array(elements)
        }
    }

    /// The most elements for which room is made in advance; an array may announce more.
    private static let firstCapacity = 32 << 10

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

    /// Returns the complete reply and begins the next one; nil when none is complete.
    mutating func take() -> RedisValue? {
        bytes = 0
        elements = 0
        return whole.take()
    }

    mutating func add(bulk: UnsafeRawBufferPointer) -> Bool {
        guard count(bulk) else { return false }
        guard !open.isEmpty else { return add(.bulk(ByteBuffer(bytes: bulk))) }
        open[open.count - 1].append(bulk: bulk)
        closeArrays()
        return true
    }

    /// Adds a status or an error with the text of `line`.
    mutating func add(line: UnsafeRawBufferPointer, _ make: (String) -> RedisValue) -> Bool {
        count(line) && add(make(String(decoding: line, as: UTF8.self)))
    }

    /// Adds a complete value.
    mutating func add(_ value: RedisValue) -> Bool {
        guard !open.isEmpty else {
            whole = value
            return true
        }
        open[open.count - 1].append(value)
        closeArrays()
        return true
    }

    /// Begins an array; the next parts are its elements.
    mutating func openArray(_ count: Int) -> Bool {
        guard open.count < RedisReplyLimits.depth else {
            return refuse("arrays nested more than \(RedisReplyLimits.depth) deep")
        }
        guard count <= limits.elements - elements else {
            return refuse("arrays of more than \(limits.elements) elements in one reply")
        }
        guard count > 0 else { return add(.array([])) }
        elements += count
        open.append(OpenArray(count: count))
        return true
    }

    mutating func refuse(_ reason: String) -> Bool {
        refusal = reason
        return false
    }

    private mutating func count(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count <= remainingBytes else {
            return refuse("strings of more than \(limits.bytes) bytes in one reply")
        }
        bytes += text.count
        return true
    }

    /// Adds each complete array to the array around it.
    private mutating func closeArrays() {
        while open[open.count - 1].isComplete {
            let array = open.removeLast().value()
            guard !open.isEmpty else {
                whole = array
                return
            }
            open[open.count - 1].append(array)
        }
    }
}
