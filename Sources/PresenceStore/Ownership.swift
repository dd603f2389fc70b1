// Rollcall · PresenceStore

/// Who keeps a presence alive, which decides the reason of its leave when nobody does.
package enum Ownership: Hashable, Sendable {
    /// Heartbeats over REST; runs out as `expired`.
    case heartbeats
    /// An open stream, whose node renews the lease; runs out as `expired`, since that node must be gone.
    case stream(StreamOwner)
    /// Its stream has ended and its grace runs; runs out as `closed`.
    case released

    /// Reads the mark in a stored value; nil for what is none.
    init?(utf8: UnsafeBufferPointer<UInt8>) {
        if utf8.elementsEqual("-".utf8) {
            self = .released
        } else if let owner = StreamOwner(String(decoding: utf8, as: UTF8.self)) {
            self = .stream(owner)
        } else {
            return nil
        }
    }

    /// What stands in a stored value, nil for nothing.
    var mark: String? {
        switch self {
        case .heartbeats: nil
        case .stream(let owner): owner.text
        case .released: "-"
        }
    }
}
