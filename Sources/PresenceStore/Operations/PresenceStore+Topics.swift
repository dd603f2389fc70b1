// Rollcall · PresenceStore

import Basics
import NIOCore
package import PresenceModel
import Redis

extension PresenceStore {
    /// The most names of members that one pipeline reads to count keys; a topic with more is read alone.
    static let membersPerCount = 50_000
    /// Buckets that one pipeline reads: all at once would put the topic names of the whole deployment into memory.
    private static let bucketsPerRead = 8

    /// Counts the keys and presences of a topic.
    package func counts(of topic: Topic) async throws(StoreError) -> (cursor: Cursor, counts: TopicCounts) {
        let keys = keys.topic(topic)
        let (reply, values) = try await connection().atPosition(of: keys, RedisCommand("HKEYS", [keys.members]))
        return (reply.cursor, try Self.counts(values[0], of: topic))
    }

    /// Counts the presences of a topic without reading them.
    package func presenceCount(of topic: Topic) async throws(StoreError) -> Int {
        let size = try await connection().send("HLEN", [keys.topic(topic).members])
        guard let count = size.int else { throw .unexpected(size) }
        return count
    }

    /// Lists occupied topics in byte order, with counts: those that begin with `prefix` and come after `after`.
    ///
    /// Redis orders topics by deadline, not by name, so each page reads the names of all topics. It reads the names of
    /// members only of topics with more than one.
    ///
    /// - Parameter isShown: Leaves out topics that the caller may not see, before they are counted.
    package func topics(
        prefix: String? = nil, after: Topic? = nil, limit: Int, where isShown: (Topic) -> Bool = { _ in true }
    ) async throws(StoreError) -> [TopicCounts] {
        var page: [TopicCounts] = []
        var last = after
        while page.count < limit {
            // Reads 100 more than needed, because topics may become empty meanwhile.
            let wanted = limit - page.count + 100
            let names = try await names(prefix: prefix, after: last, limit: wanted, where: isShown)
            for chunk in names.chunks(of: Self.membersPerCall) where page.count < limit {
                page += try await counts(of: Array(chunk))
            }
            guard names.count == wanted else { break }
            last = names.last
        }
        return Array(page.prefix(limit))
    }

    /// The first topics in byte order; fewer than `limit` only if there are no more.
    private func names(
        prefix: String?, after: Topic?, limit: Int, where isShown: (Topic) -> Bool
    ) async throws(StoreError) -> [Topic] {
        var first: [Topic] = []
        for start in stride(from: 0, to: StoreKeys.buckets, by: Self.bucketsPerRead) {
            let buckets = start..<min(start + Self.bucketsPerRead, StoreKeys.buckets)
            let commands = buckets.map { RedisCommand("ZRANGE", [keys.due($0), 0, -1]) }
            for value in try await connection().pipeline(commands) {
                if case .error(let error) = value { throw StoreError(error) }
                for name in value.elements ?? [] {
                    guard let name = name.buffer, let topic = name.withBytes({ Topic(utf8: $0) }),
                        prefix.map({ topic.text.utf8.starts(with: $0.utf8) }) ?? true,
                        after.map({ $0 < topic }) ?? true, isShown(topic)
                    else { continue }
                    first.append(topic)
                }
            }
            guard first.count > limit else { continue }
            first.sort()
            first.removeLast(first.count - limit)
        }
        return first.sorted()
    }

    /// Counts of topics, in their order, without topics that became empty meanwhile.
    private func counts(of topics: [Topic]) async throws(StoreError) -> [TopicCounts] {
        let sizes = try await connection().pipeline(topics.map { RedisCommand("HLEN", [keys.topic($0).members]) })
        var counts: [TopicCounts] = []
        for (topic, size) in zip(topics, sizes) {
            if case .error(let error) = size { throw StoreError(error) }
            guard let size = size.int else { throw .unexpected(size) }
            if size > 0 { counts.append(TopicCounts(topic: topic, keys: 1, presences: size)) }
        }
        for places in Self.readings(of: counts.map(\.presences)) { try await countKeys(of: places, in: &counts) }
        return counts.filter { $0.presences > 0 }
    }

    /// Divides topics into groups of at most ``membersPerCount`` members, or of one topic; one pipeline reads a group.
    ///
    /// - Parameter sizes: The members of each topic. A topic with one member has one key and is not read.
    /// - Returns: The places of the topics of each group.
    static func readings(of sizes: [Int]) -> [[Int]] {
        var groups: [[Int]] = []
        var members = 0
        for (place, size) in sizes.enumerated() where size > 1 {
            if groups.isEmpty || members + size > membersPerCount {
                groups.append([])
                members = 0
            }
            groups[groups.count - 1].append(place)
            members += size
        }
        return groups
    }

    private func countKeys(of places: [Int], in counts: inout [TopicCounts]) async throws(StoreError) {
        let commands = places.map { RedisCommand("HKEYS", [keys.topic(counts[$0].topic).members]) }
        for (place, value) in zip(places, try await connection().pipeline(commands)) {
            counts[place] = try Self.counts(value, of: counts[place].topic)
        }
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
