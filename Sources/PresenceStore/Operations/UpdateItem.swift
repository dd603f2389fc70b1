// Rollcall · PresenceStore

package import Basics
package import JSONText
package import PresenceModel

/// A meta to be replaced or patched.
package struct UpdateItem: Sendable {
    /// How the new meta is made.
    package enum Change: Sendable {
        case replace(Meta)
        /// An RFC 7396 merge patch, applied to the meta that is stored when the patch is written.
        case patch(JSON)
    }

    package var member: Member
    package var change: Change
    /// The condition on the stored ref.
    package var condition: RefCondition?

    package init(member: Member, change: Change, condition: RefCondition? = nil) {
        self.member = member
        self.change = change
        self.condition = condition
    }
}

/// The result of one ``UpdateItem``.
package enum UpdateOutcome: Sendable {
    case changed(Receipt)
    /// The new meta is the old one byte for byte; nothing was published.
    case unchanged(Receipt)
    case absent
    /// The condition is not fulfilled, and nothing changed; this is the present ref.
    case moved(Ref)
    /// The patched meta is refused (too large, a reserved name, not an object).
    case invalid(InputError)
}
