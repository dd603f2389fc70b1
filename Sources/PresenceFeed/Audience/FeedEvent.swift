// Rollcall · PresenceFeed

package import NIOCore
package import PresenceModel

/// An event that a feed delivers to one of its subscribers.
///
/// Bytes are shared by all subscribers of a format.
package enum FeedEvent: Sendable {
    /// The whole roster. It replaces everything that was delivered before.
    case state(ByteBuffer, Cursor)
    /// The changes since the last cursor; nil if the subscriber's format shows none of them and has no `id`.
    case diff(ByteBuffer?, Cursor)
    /// The stream resumed, and the bytes are the diff from its cursor to this one; nil for an empty diff.
    case resumed(ByteBuffer?, Cursor)
    /// Entries with changed data and unchanged metas; the cursor stays.
    case dataChanged(ByteBuffer)
    /// The presence that this subscriber stands for changed: by an update, a leave, or another stream.
    case own(OwnChange)
    /// Redis is out of reach since that time: the roster may be old.
    case degraded(since: NIODeadline)
    /// Redis is back, and all changes meanwhile were delivered.
    case recovered
}

/// A change of the presence that a subscriber stands for.
package enum OwnChange: Equatable, Sendable {
    /// It was tracked again or updated, by its owner or another client.
    case became(Presence)
    case left(LeaveReason)

    init(_ change: Change) {
        self = change.after.map(OwnChange.became) ?? .left(change.reason ?? .lost)
    }
}
