// Rollcall · PresenceStore

/// Who keeps a presence alive, which decides the reason of its leave when nobody does.
package enum Ownership: Hashable, Sendable {
    /// Heartbeats over REST; runs out as `expired`.
    case heartbeats
    /// An open stream, whose node renews the lease; runs out as `expired`, since that node must be gone.
    case stream(StreamOwner)
    /// Several open streams, which Redis lists beside the value; runs out as `expired`.
    case shared
    /// Its last stream has ended and its grace runs; runs out as `closed`.
    case released

    /// Reads the mark in a stored value; nil for what is none.
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

    /// Whether a mark can be read.
    static func isMark(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        isRelease(utf8) || StreamOwner.isWritable(utf8)
    }

    private static func isRelease(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        utf8.count == 1 && utf8[0] == UInt8(ascii: "-")
    }

    /// What stands in a stored value, nil for nothing.
    var mark: String? {
        switch self {
        case .heartbeats: nil
        case .stream(let owner): owner.text
        case .shared: StreamOwner.shared
        case .released: "-"
        }
    }
}
