// Rollcall · PresenceModel

package import Basics

/// The name on which keys are present: `room:lobby`.
///
/// 1 to 256 bytes of UTF-8 without control characters; equal, hashed and ordered by those bytes.
package struct Topic: Hashable, Comparable, Sendable, CustomStringConvertible {
    private let name: Name

    /// Reads text from a caller; throws `malformed` if it is no topic.
    package init(
        _ text: String, at location: InputError.Location = .parameter("topic")
    ) throws(InputError) {
        name = try Name(text, "topic", at: location)
    }

    /// Reads bytes that were checked before, such as stored ones; `nil` if they are no topic.
    package init?(utf8: UnsafeBufferPointer<UInt8>) {
        guard let name = Name(utf8: utf8) else { return nil }
        self.name = name
    }

    package var text: String { name.text }

    package var description: String { name.text }

    package static func < (left: Topic, right: Topic) -> Bool { left.name < right.name }
}
