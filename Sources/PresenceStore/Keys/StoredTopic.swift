// Rollcall · PresenceStore

import Basics
import NIOCore
package import PresenceModel
package import PresenceText
import Redis

/// The reply of Redis with all presences of a topic, not parsed yet.
package struct StoredTopic: Sendable {
    /// ``Cursor/empty`` when the topic is empty.
    package let cursor: Cursor
    private let topic: Topic
    private let now: Int64
    private let source: DataSource
    /// Members and values, alternating.
    private let pairs: [RedisValue]

    init(
        topic: Topic, cursor: Cursor, now: Int64, source: DataSource = DataSource(), reply: RedisValue
    ) throws(StoreError) {
        guard let pairs = reply.elements else { throw .unexpected(reply) }
        self.topic = topic
        self.cursor = cursor
        self.now = now
        self.source = source
        self.pairs = pairs
    }

    /// The number of presences.
    package var count: Int { pairs.count / 2 }

    /// Parses the presences one after another, in no particular order.
    func forEach(_ body: (Member, StoredPresence) -> Void) throws(StoreError) {
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            guard let member = pairs[index].buffer?.withBytes({ Member(bytes: $0) }),
                let stored = pairs[index + 1].buffer?.withBytes({ StoredPresence($0) })
            else { throw fault(at: index) }
            body(member, stored)
        }
    }

    package func snapshot() throws(StoreError) -> Snapshot {
        var snapshot = Snapshot(cursor: cursor, now: now, presences: [])
        snapshot.source = source
        snapshot.presences.reserveCapacity(count)
        try forEach { snapshot.presences.append(($0, $1)) }
        return snapshot
    }

    /// Parses only what a list shows of the presences.
    package func list() throws(StoreError) -> PresenceList {
        // An estimate from the first presence, 16 MiB at most; the list grows if it is too low.
        let pairBytes = pairs.prefix(2).reduce(0) { $0 + ($1.buffer?.readableBytes ?? 0) }
        var list = PresenceList(capacity: count, textBytes: min(count * pairBytes, 16 << 20))
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            let isRead = pairs[index].buffer?.withBytes { member in
                pairs[index + 1].buffer?.withBytes { value in
                    guard let words = StoredWords(value) else { return false }
                    return list.append(member: member, ref: words.ref, previous: words.previous, meta: words.meta)
                }
            }
            guard isRead == true else { throw fault(at: index) }
        }
        return list
    }

    /// The error for a pair that cannot be parsed.
    private func fault(at index: Int) -> StoreError {
        guard let member = pairs[index].buffer?.withBytes({ Member(bytes: $0) }), pairs[index + 1].buffer != nil else {
            return .unexpected(pairs[index])
        }
        return .strange(member, on: topic)
    }
}
