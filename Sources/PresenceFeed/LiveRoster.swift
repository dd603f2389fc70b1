// Rollcall · PresenceFeed

package import Presence

/// A topic as a node's feed knows it.
package struct LiveRoster: Sendable {
    package let cursor: Cursor
    package let roster: Roster
    /// False while Redis is away or a snapshot is awaited: the roster may be old.
    package let isCurrent: Bool

    package init(cursor: Cursor, roster: Roster, isCurrent: Bool) {
        self.cursor = cursor
        self.roster = roster
        self.isCurrent = isCurrent
    }
}
