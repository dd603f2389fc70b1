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
    /// The ref that must still be the current one (`If-Match`); nil accepts any.
    package var expected: Ref?

    package init(member: Member, change: Change, expected: Ref? = nil) {
        self.member = member
        self.change = change
        self.expected = expected
    }
}

/// The result of one ``UpdateItem``.
package enum UpdateOutcome: Sendable {
    case changed(Receipt)
    /// The new meta is the old one byte for byte; nothing was published.
    case unchanged(Receipt)
    case absent
    /// The expected ref is not the current one; this is the current one.
    case moved(Ref)
    /// The patched meta is refused (too large, a reserved name, not an object).
    case invalid(InputError)
}

/// The result of one heartbeat.
package enum HeartbeatOutcome: Hashable, Sendable {
    case renewed(Receipt)
    case absent
}
