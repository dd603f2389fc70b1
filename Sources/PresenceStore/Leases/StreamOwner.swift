// Rollcall · PresenceStore

import Basics
import PresenceModel

/// The name of the open stream to which a presence is bound; the stored value has it while that stream is open.
package struct StreamOwner: Hashable, Sendable, CustomStringConvertible {
    /// The mark of several owners in a stored value.
    ///
    /// Older nodes read it as one owner that is not theirs.
    static let shared = "_shared_"

    /// 8–16 characters of `[A-Za-z0-9_-]`; so never `-`, the mark of a grace, and never ``shared``.
    package let text: String

    /// Nil when the bytes are not the name of one owner.
    package init?(utf8: UnsafeBufferPointer<UInt8>) {
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

    /// Whether the bytes are the name of one owner or the mark of several.
    static func isWritable(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        (8...16).contains(utf8.count) && utf8.allSatisfy(Base64URL.contains)
    }

    private init(fresh: String) {
        self.text = fresh
    }

    /// A new owner of 96 random bits.
    package static func random() -> StreamOwner {
        StreamOwner(fresh: Ref.random().text)
    }

    package var description: String { text }
}
