// Rollcall · PresenceStore

import NIOCore
package import Presence
import Redis

extension PresenceStore {
    /// Counts who is on a topic.
    package func counts(of topic: Topic) async throws(StoreError) -> (cursor: Cursor, counts: TopicCounts) {
        let keys = keys.topic(topic)
        let (reply, values) = try await connection().atPosition(of: keys, RedisCommand("HKEYS", [keys.members]))
        return (reply.cursor, try Self.counts(values[0], of: topic))
    }

    /// Lists occupied topics in byte order, with counts: those that begin with `prefix` and come after `after`.
    ///
    /// Redis keeps topics by deadline, not by name: a page costs a reading of all their names.
    package func topics(
        prefix: String? = nil, after: Topic? = nil, limit: Int
    ) async throws(StoreError) -> [TopicCounts] {
        var rest = try await names(prefix: prefix, after: after)[...]
        var page: [TopicCounts] = []
        while page.count < limit, !rest.isEmpty {
            let topics = rest.prefix(min(limit - page.count, Self.membersPerCall))
            rest = rest.dropFirst(topics.count)
            let values = try await connection().pipeline(
                topics.map { RedisCommand("HKEYS", [keys.topic($0).members]) })
            for (topic, value) in zip(topics, values) {
                // Another node may have ended the topic since its name was read.
                let counts = try Self.counts(value, of: topic)
                if counts.presences > 0 { page.append(counts) }
            }
        }
        return page
    }

    private func names(prefix: String?, after: Topic?) async throws(StoreError) -> [Topic] {
        let commands = (0..<StoreKeys.buckets).map { RedisCommand("ZRANGE", [keys.due($0), 0, -1]) }
        var topics: [Topic] = []
        for value in try await connection().pipeline(commands) {
            if case .error(let error) = value { throw StoreError(error) }
            for name in value.elements ?? [] {
                guard let name = name.buffer, let topic = name.withBytes({ Topic(utf8: $0) }),
                    prefix.map({ topic.text.utf8.starts(with: $0.utf8) }) ?? true,
                    after.map({ $0 < topic }) ?? true
                else { continue }
                topics.append(topic)
            }
        }
        return topics.sorted()
    }

    private static func counts(_ members: RedisValue, of topic: Topic) throws(StoreError) -> TopicCounts {
        if case .error(let error) = members { throw StoreError(error) }
        guard let members = members.elements else { throw .unexpected(members) }
        var keys: Set<ByteBuffer> = []
        for member in members {
            guard let member = member.buffer, let end = member.readableBytesView.firstIndex(of: 0x1f),
                let key = member.getSlice(at: member.readerIndex, length: end - member.readerIndex)
            else { throw .unexpected(member) }
            keys.insert(key)
        }
        return TopicCounts(topic: topic, keys: keys.count, presences: members.count)
    }
}
