// Rollcall · PresenceStore

package import Presence

/// All presences of a topic (or of one key), and the position at which they were read.
package struct Snapshot: Sendable {
    /// ``Cursor/empty`` when the topic is empty.
    package var cursor: Cursor
    /// Milliseconds on Redis's clock.
    package var now: Int64
    /// In no particular order, with overdue ones: the end of a lease ends nothing before a sweep.
    package var presences: [(member: Member, stored: StoredPresence)]
    /// The source of the read.
    package var source = DataSource()

    package init(cursor: Cursor, now: Int64, presences: [(member: Member, stored: StoredPresence)]) {
        self.cursor = cursor
        self.now = now
        self.presences = presences
    }
}

/// The numbers of keys and presences of a topic.
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
