// Rollcall · PresenceStore

package import PresenceModel

/// A presence to be tracked.
package struct TrackItem: Sendable {
    package var member: Member
    /// Nil keeps the stored meta; a new presence gets `{}`.
    package var meta: Meta?
    /// Whole seconds; nil keeps the stored ttl, and a new presence gets the default.
    package var ttl: Int?
    /// The condition on the stored ref; without one an absent member is created.
    package var condition: RefCondition?

    package init(member: Member, meta: Meta? = nil, ttl: Int? = nil, condition: RefCondition? = nil) {
        self.member = member
        self.meta = meta
        self.ttl = ttl
        self.condition = condition
    }
}

/// What a track does with a member that is already present.
package enum TrackMode: String, Sendable {
    /// Leaves it alone and reports ``TrackOutcome/conflict(_:)``.
    case create
    /// Renews it, and replaces its meta if that differs.
    case put
}

/// The result of one ``TrackItem``.
package enum TrackOutcome: Hashable, Sendable {
    case created(Receipt)
    /// The meta was replaced.
    case changed(Receipt)
    /// Only the lease (and ttl or owner) moved; nothing was published.
    case unchanged(Receipt)
    /// Mode ``TrackMode/create`` met a member that is present with this ref.
    case conflict(Ref)
    /// The condition is not fulfilled, and nothing changed; this is the present ref, nil if the member is absent.
    case moved(Ref?)

    /// Nil for a conflict and for a condition that is not fulfilled.
    package var receipt: Receipt? {
        switch self {
        case .created(let receipt), .changed(let receipt), .unchanged(let receipt): receipt
        case .conflict, .moved: nil
        }
    }
}
