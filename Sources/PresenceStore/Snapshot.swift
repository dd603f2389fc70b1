// Rollcall · PresenceStore

package import Presence

/// All presences of a topic (or of one key), and the position in the topic's history that they show.
package struct Snapshot: Sendable {
    /// ``Cursor/empty`` when the topic holds nothing.
    package var cursor: Cursor
    /// Milliseconds on Redis's clock.
    package var now: Int64
    /// In no particular order, overdue leases included: only a sweep ends a presence.
    package var presences: [(member: Member, stored: StoredPresence)]
    /// Where this was read.
    package var source = DataSource()

    package init(cursor: Cursor, now: Int64, presences: [(member: Member, stored: StoredPresence)]) {
        self.cursor = cursor
        self.now = now
        self.presences = presences
    }
}

/// How many are present on a topic.
package struct TopicCounts: Hashable, Sendable {
    package var topic: Topic
    package var keys: Int
    package var presences: Int

    package init(topic: Topic, keys: Int, presences: Int) {
        self.topic = topic
        self.keys = keys
        self.presences = presences
    }
}
