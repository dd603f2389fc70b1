// Rollcall · PresenceModel

package import Basics

/// The name of one tab or device of a key: 1 to 64 URL-safe characters, `[A-Za-z0-9_-]`.
///
/// A session is ASCII, and `String` compares ASCII by bytes.
package struct Session: Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let maximumBytes = 64

    package let text: String

    /// Reads text from a caller; throws `malformed` if it is no session.
    package init(
        _ text: String, at location: InputError.Location = .pointer("#/session")
    ) throws(InputError) {
        guard let session = Session(utf8: text.utf8) else {
            let count = text.utf8.count
            let found = count == 0 ? "is empty" : count > Self.maximumBytes ? "has \(count)" : "has others"
            throw InputError(
                .malformed, at: location,
                "A session has 1 to \(Self.maximumBytes) characters of A–Z, a–z, 0–9, - and _; this one \(found).")
        }
        self = session
    }

    /// Reads bytes that were checked before, such as stored ones; `nil` if they are no session.
    package init?(utf8: UnsafeBufferPointer<UInt8>) {
        guard Self.isValid(utf8) else { return nil }
        self.text = String(decoding: utf8, as: UTF8.self)
    }

    /// Whether the bytes are the text of a session.
    package static func isValid(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        (1...maximumBytes).contains(utf8.count) && utf8.allSatisfy(Base64URL.contains)
    }

    package init?(utf8: some Sequence<UInt8>) {
        guard let session = utf8.withBytes({ Session(utf8: $0) }) else { return nil }
        self = session
    }

    private init(unchecked text: String) {
        self.text = text
    }

    /// Draws a session of 16 characters.
    package static func random() -> Session {
        Session(unchecked: Ref.random().text)
    }

    package var description: String { text }

    package static func < (left: Session, right: Session) -> Bool { left.text < right.text }
}
