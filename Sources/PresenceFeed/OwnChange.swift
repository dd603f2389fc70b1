// Rollcall · PresenceFeed

package import Presence

/// What became of the presence that a subscriber stands for.
package enum OwnChange: Equatable, Sendable {
    /// It was tracked again or updated, by its owner or another client.
    case became(Presence)
    case left(LeaveReason)

    init(_ change: Change) {
        self = change.after.map(OwnChange.became) ?? .left(change.reason ?? .lost)
    }
}
