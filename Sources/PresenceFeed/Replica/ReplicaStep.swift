// Rollcall · PresenceFeed

package import PresenceModel
package import PresenceStore

/// One step of a replica from a cursor to a later one, with all changes between the two.
package struct ReplicaStep: Sendable {
    package let from: Cursor
    package let to: Cursor
    package let changes: [Change]
    /// Whether the topic began a new epoch that lacks presences this node still had: Redis lost state, and nodes
    /// will restore their presences.
    package let losesPresences: Bool
    /// Lost presences that heartbeats kept: nodes restore them, because the next heartbeat may come only after a third
    /// of a ttl.
    package let restorable: [Member: StoredPresence]

    package init(
        from: Cursor, to: Cursor, changes: [Change], losesPresences: Bool = false,
        restorable: [Member: StoredPresence] = [:]
    ) {
        self.from = from
        self.to = to
        self.changes = changes
        self.losesPresences = losesPresences
        self.restorable = restorable
    }
}
