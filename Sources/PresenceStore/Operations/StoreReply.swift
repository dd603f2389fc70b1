// Rollcall · PresenceStore

import Basics
package import NIOCore
import PresenceModel
import Redis

/// A script's reply, read from left to right; throws `corrupt` for anything unexpected.
struct StoreReply {
    /// Milliseconds on Redis's clock.
    let now: Int64
    private(set) var cursor = Cursor.empty
    private var rest: ArraySlice<RedisValue>

    /// For a script that returns only the time before its own results.
    init(timed value: RedisValue) throws(StoreError) {
        if case .error(let error) = value { throw StoreError(error) }
        guard let elements = value.elements, let now = elements.first?.int else { throw .unexpected(value) }
        self.now = Int64(now)
        self.rest = elements.dropFirst()
    }

    /// For a script that returns the time and the topic's position before its own results.
    init(_ value: RedisValue) throws(StoreError) {
        try self.init(timed: value)
        let (epoch, seq) = (try buffer(), try int())
        if epoch.readableBytes > 0 {
            guard let epoch = epoch.withBytes({ Epoch(utf8: $0) }) else { throw .unexpected(value) }
            cursor = Cursor(epoch: epoch, seq: seq)
        }
        _ = try int()  // 1 if something was published, for operators at a prompt.
    }

    var isAtEnd: Bool { rest.isEmpty }

    private mutating func next() throws(StoreError) -> RedisValue {
        guard let value = rest.popFirst() else { throw .unexpected(.null) }
        return value
    }

    mutating func int() throws(StoreError) -> Int {
        let value = try next()
        guard let int = value.int else { throw .unexpected(value) }
        return int
    }

    mutating func buffer() throws(StoreError) -> ByteBuffer {
        let value = try next()
        guard let buffer = value.buffer else { throw .unexpected(value) }
        return buffer
    }

    /// The next ref; nil for an empty text.
    mutating func optionalRef() throws(StoreError) -> Ref? {
        let text = try buffer()
        if text.readableBytes == 0 { return nil }
        guard let ref = text.withBytes({ Ref(utf8: $0) }) else { throw .unexpected(.bulk(text)) }
        return ref
    }

    mutating func ref() throws(StoreError) -> Ref {
        guard let ref = try optionalRef() else { throw .unexpected(.null) }
        return ref
    }

    /// Reads ref, previous ref and ttl, which follow the status of a present member; the lease is now + ttl.
    mutating func receipt() throws(StoreError) -> Receipt {
        let (ref, previous, ttl) = (try ref(), try optionalRef(), try int())
        return Receipt(
            ref: ref, previous: previous, ttl: ttl, expiresAt: now + Int64(ttl) * 1000, now: now, cursor: cursor)
    }

    mutating func skip(_ count: Int) throws(StoreError) {
        for _ in 0..<count { _ = try next() }
    }
}

extension StoreError {
    /// The error for a reply of an unexpected shape.
    static func unexpected(_ value: RedisValue) -> StoreError {
        let shape =
            switch value {
            case .status, .bulk: "text"
            case .integer: "a number"
            case .array(let elements): "\(elements.count) elements"
            case .null: "nothing"
            case .error(let error): error.description
            }
        return StoreError(.corrupt, "Redis answered \(shape) where something else was expected")
    }
}

extension ByteBuffer {
    /// Passes the readable bytes to `read`, in the form from which names, refs and stored values are parsed.
    package func withBytes<Value>(_ read: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
        withUnsafeReadableBytes { read($0.assumingMemoryBound(to: UInt8.self)) }
    }
}
