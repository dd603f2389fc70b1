// Rollcall · PresenceStore

import Presence

/// Names the open stream that a presence is bound to; written into the stored value while that stream lives.
package struct StreamOwner: Hashable, Sendable, CustomStringConvertible {
    /// Stands in a stored value for several owners.
    ///
    /// Nodes that do not know it read it as one owner, none of theirs.
    static let shared = "_shared_"

    /// 8–16 characters of `[A-Za-z0-9_-]`: never the lone `-` of a presence after its last stream, nor ``shared``.
    package let text: String

    /// Nil when `text` could not stand in a stored value.
    package init?(_ text: String) {
        var text = text
        guard let owner = text.withUTF8({ StreamOwner(utf8: $0) }) else { return nil }
        self = owner
    }

    /// Nil when the bytes could not stand in a stored value.
    init?(utf8: UnsafeBufferPointer<UInt8>) {
        guard Self.isValid(utf8) else { return nil }
        self.text = String(decoding: utf8, as: UTF8.self)
    }

    /// Whether the bytes are the name of one owner.
    static func isValid(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        isWritable(utf8) && !isShared(utf8)
    }

    static func isShared(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        utf8.count == 8 && utf8.elementsEqual(shared.utf8)
    }

    /// Whether the bytes could stand in a stored value as an owner, or as several.
    static func isWritable(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        (8...16).contains(utf8.count) && utf8.allSatisfy(isURLSafe)
    }

    private init(fresh: String) {
        self.text = fresh
    }

    /// A new owner, unlike any other with 96 bits of chance.
    package static func random() -> StreamOwner {
        StreamOwner(fresh: Ref.random().text)
    }

    package var description: String { text }

    private static func isURLSafe(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
