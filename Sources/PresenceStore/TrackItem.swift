// Rollcall · PresenceStore

package import Presence

/// One presence to be tracked.
package struct TrackItem: Sendable {
    package var member: Member
    /// Nil keeps what is there; a new presence gets `{}`.
    package var meta: Meta?
    /// Whole seconds; nil keeps what is there, and a new presence gets the default.
    package var ttl: Int?

    package init(member: Member, meta: Meta? = nil, ttl: Int? = nil) {
        self.member = member
        self.meta = meta
        self.ttl = ttl
    }
}

/// What track does about a member that is already present.
package enum TrackMode: String, Sendable {
    /// Leaves it alone and reports ``TrackOutcome/conflict(_:)``.
    case create
    /// Renews it, and replaces its meta where that differs.
    case put
}

/// What became of one ``TrackItem``.
package enum TrackOutcome: Hashable, Sendable {
    case created(Receipt)
    /// The meta was replaced.
    case changed(Receipt)
    /// Only the lease (and ttl or owner) moved; nothing was published.
    case unchanged(Receipt)
    /// Mode ``TrackMode/create`` met a member that is present under this ref.
    case conflict(Ref)

    /// Nil for a conflict.
    package var receipt: Receipt? {
        switch self {
        case .created(let receipt), .changed(let receipt), .unchanged(let receipt): receipt
        case .conflict: nil
        }
    }
}
