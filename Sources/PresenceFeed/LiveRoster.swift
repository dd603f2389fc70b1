// Rollcall · PresenceFeed

package import Presence

/// A topic as a node's feed knows it.
package struct LiveRoster: Sendable {
    package let cursor: Cursor
    package let roster: Roster

    package init(cursor: Cursor, roster: Roster) {
        self.cursor = cursor
        self.roster = roster
    }
}
