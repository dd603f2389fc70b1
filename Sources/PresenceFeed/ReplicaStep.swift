// Rollcall · PresenceFeed

package import Presence

/// One move of a replica from a cursor to a later one, with all that changed between the two.
package struct ReplicaStep: Sendable {
    package let from: Cursor
    package let to: Cursor
    package let changes: [Change]
    /// Whether the topic began a new epoch that lacks presences this node still had: Redis lost state, and nodes are
    /// about to re-track what they hold.
    package let losesPresences: Bool

    package init(from: Cursor, to: Cursor, changes: [Change], losesPresences: Bool = false) {
        self.from = from
        self.to = to
        self.changes = changes
        self.losesPresences = losesPresences
    }
}
