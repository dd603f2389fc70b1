// Rollcall · PresenceModel

package import Basics

/// The user id of a presence.
///
/// 1 to 256 bytes of UTF-8 without control characters; equal, hashed and ordered by those bytes.
package struct Key: Hashable, Comparable, Sendable, CustomStringConvertible {
    private let name: Name

    /// Reads text from a caller; throws `malformed` if it is no key.
    package init(
        _ text: String, at location: InputError.Location = .pointer("#/key")
    ) throws(InputError) {
        name = try Name(text, "key", at: location)
    }

    /// Reads bytes that were checked before, such as stored ones; `nil` if they are no key.
    package init?(utf8: UnsafeBufferPointer<UInt8>) {
        guard let name = Name(utf8: utf8) else { return nil }
        self.name = name
    }

    package init?(utf8: some Sequence<UInt8>) {
        guard let key = utf8.withBytes({ Key(utf8: $0) }) else { return nil }
        self = key
    }

    /// Whether the bytes are the text of a key.
    package static func isValid(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool { Name.isValid(utf8) }

    package var text: String { name.text }

    package var description: String { name.text }

    package static func < (left: Key, right: Key) -> Bool { left.name < right.name }
}
