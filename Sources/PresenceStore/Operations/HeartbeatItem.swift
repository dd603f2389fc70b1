// Rollcall · PresenceStore

package import PresenceModel

/// A lease to be moved to now + ttl.
package struct HeartbeatItem: Sendable {
    package var member: Member
    /// Whole seconds; nil keeps the stored ttl.
    package var ttl: Int?
    /// The condition on the stored ref.
    package var condition: RefCondition?

    package init(member: Member, ttl: Int? = nil, condition: RefCondition? = nil) {
        self.member = member
        self.ttl = ttl
        self.condition = condition
    }
}

/// The result of one ``HeartbeatItem``.
package enum HeartbeatOutcome: Hashable, Sendable {
    case renewed(Receipt)
    case absent
    /// The condition is not fulfilled, and nothing changed; this is the present ref.
    case moved(Ref)
}
