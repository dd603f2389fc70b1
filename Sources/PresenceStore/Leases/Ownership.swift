// Rollcall · PresenceStore

/// What keeps a presence; at the end of the lease it decides the reason of the leave.
package enum Ownership: Hashable, Sendable {
    /// Heartbeats over REST. The presence leaves as `expired`.
    case heartbeats
    /// An open stream; its node renews the lease. The presence leaves as `expired`, because that node must be gone.
    case stream(StreamOwner)
    /// Several open streams, which Redis lists in key `o`. The presence leaves as `expired`.
    case shared
    /// The last stream has ended and the grace runs. The presence leaves as `closed`.
    case released

    /// Reads the mark of a stored value; nil when it is not valid.
    init?(utf8: UnsafeBufferPointer<UInt8>) {
        if Self.isRelease(utf8) {
            self = .released
        } else if StreamOwner.isShared(utf8) {
            self = .shared
        } else if let owner = StreamOwner(utf8: utf8) {
            self = .stream(owner)
        } else {
            return nil
        }
    }

    /// Whether the bytes are a valid mark.
    static func isMark(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        isRelease(utf8) || StreamOwner.isWritable(utf8)
    }

    private static func isRelease(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        utf8.count == 1 && utf8[0] == UInt8(ascii: "-")
    }

    /// The mark in a stored value; nil when it has none.
    var mark: String? {
        switch self {
        case .heartbeats: nil
        case .stream(let owner): owner.text
        case .shared: StreamOwner.shared
        case .released: "-"
        }
    }
}
