// Rollcall · PresenceModel

/// A key and a session: the name of one presence on a topic.
///
/// It never changes while the presence lives.
package struct Member: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let key: Key
    package let session: Session

    package init(key: Key, session: Session) {
        self.key = key
        self.session = session
    }

    /// Reads ``bytes``; `nil` if they are no member.
    package init?(bytes: UnsafeBufferPointer<UInt8>) {
        guard let (key, session) = Self.split(bytes), let key = Key(utf8: key), let session = Session(utf8: session)
        else { return nil }
        self.init(key: key, session: session)
    }

    /// Splits ``bytes`` into the bytes of a key and of a session; checks neither.
    package static func split(
        _ bytes: UnsafeBufferPointer<UInt8>
    ) -> (key: UnsafeBufferPointer<UInt8>, session: UnsafeBufferPointer<UInt8>)? {
        // Neither a key nor a session holds the separator, so the first one is the only one.
        guard let separator = bytes.firstIndex(of: Self.separator) else { return nil }
        return (
            UnsafeBufferPointer(rebasing: bytes[..<separator]), UnsafeBufferPointer(rebasing: bytes[(separator + 1)...])
        )
    }

    /// The member as it is stored: key, 0x1f, session.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(key.text.utf8.count + 1 + session.text.utf8.count)
        bytes.append(contentsOf: key.text.utf8)
        bytes.append(Self.separator)
        bytes.append(contentsOf: session.text.utf8)
        return bytes
    }

    package var description: String { "\(key)/\(session)" }

    package static func < (left: Member, right: Member) -> Bool {
        left.key == right.key ? left.session < right.session : left.key < right.key
    }

    /// A control character, which no name can hold.
    private static let separator: UInt8 = 0x1F
}
