// Rollcall · PresenceStore

import Basics
import PresenceModel

/// The parts of a stored value, `ref[,prev] SP ttl[,owner] SP json`; valid only as long as its bytes.
struct StoredWords {
    let ref: Ref
    let previous: Ref?
    /// Whole seconds.
    let ttl: Int
    /// The mark of an ``Ownership``; nil when there is none.
    private(set) var owner: UnsafeBufferPointer<UInt8>?
    /// Unparsed.
    let meta: UnsafeBufferPointer<UInt8>

    /// Nil when Rollcall did not write the bytes.
    init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        var rest = Rest(bytes: bytes)
        guard let (refText, hasPrevious) = rest.word(), let ref = Ref(utf8: refText) else { return nil }
        var previous: Ref?
        if hasPrevious {
            guard let (text, more) = rest.word(), !more, let ref = Ref(utf8: text) else { return nil }
            previous = ref
        }
        guard let (ttlText, hasOwner) = rest.word(), let ttl = decimal(ttlText) else { return nil }
        if hasOwner {
            guard let (text, more) = rest.word(), !more, Ownership.isMark(text) else { return nil }
            owner = text
        }
        meta = UnsafeBufferPointer(rebasing: bytes[rest.start...])
        guard meta.count >= 2, meta[0] == UInt8(ascii: "{") else { return nil }
        self.ref = ref
        self.previous = previous
        self.ttl = ttl
    }

    private struct Rest {
        let bytes: UnsafeBufferPointer<UInt8>
        var start = 0

        /// The bytes up to the next comma or space, and whether it was a comma.
        mutating func word() -> (UnsafeBufferPointer<UInt8>, followedByComma: Bool)? {
            var end = start
            while end < bytes.count {
                let isComma = bytes[end] == UInt8(ascii: ",")
                if isComma || bytes[end] == UInt8(ascii: " ") {
                    defer { start = end + 1 }
                    return (UnsafeBufferPointer(rebasing: bytes[start..<end]), isComma)
                }
                end += 1
            }
            return nil
        }
    }
}
