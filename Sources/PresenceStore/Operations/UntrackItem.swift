// Rollcall · PresenceStore

package import PresenceModel

/// A presence to be removed.
package struct UntrackItem: Sendable {
    package var member: Member
    /// The condition on the stored ref.
    package var condition: RefCondition?

    package init(member: Member, condition: RefCondition? = nil) {
        self.member = member
        self.condition = condition
    }
}

/// The reason with which presences leave that are untracked, as the script gets it.
package enum UntrackReason: String, Sendable {
    case untracked = "u"
    /// By a removal, not by a client of the topic.
    case removed = "r"
}

/// The result of one ``UntrackItem``.
package enum UntrackOutcome: Hashable, Sendable {
    case removed
    case absent
    /// The condition is not fulfilled, and nothing changed; this is the present ref.
    case moved(Ref)
}
