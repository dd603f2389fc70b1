// Rollcall · PresenceStore

package import PresenceModel

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

/// The server and the data set from which a snapshot was read.
///
/// A presence that is missing in the later of two snapshots from the same source has left.
package struct DataSource: Hashable, Sendable {
    /// The server's `run_id`; empty when the server does not report it.
    package var server = ""
    /// The name that the first node to write into the data set gave it; empty when it has none.
    package var dataSet = ""

    package init(server: String = "", dataSet: String = "") {
        self.server = server
        self.dataSet = dataSet
    }

    /// The time at which the data set got its name, in milliseconds on Redis's clock; nil when it has none.
    package var began: Int64? { dataSet.split(separator: "@").last.flatMap { Int64($0) } }
}
