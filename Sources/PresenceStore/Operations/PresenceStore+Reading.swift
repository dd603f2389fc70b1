// Rollcall · PresenceStore

import Basics
import NIOCore
package import PresenceModel
import Redis

extension PresenceStore {
    /// Reads all presences of a topic, overdue or not, in one transaction with the position.
    package func snapshot(of topic: Topic) async throws(StoreError) -> Snapshot {
        try await stored(on: topic).snapshot()
    }

    /// Fetches what ``snapshot(of:)`` returns, and leaves the parsing, which is slow for large topics, to the caller.
    package func stored(on topic: Topic) async throws(StoreError) -> StoredTopic {
        let keys = keys.topic(topic)
        let connection = try connection()
        let (reply, values) = try await connection.atPosition(
            of: keys, RedisCommand("HGETALL", [keys.members]),
            RedisCommand("HGET", [.string(self.keys.configuration), "id"]))
        return try StoredTopic(
            topic: topic, cursor: reply.cursor, now: reply.now,
            source: DataSource(server: connection.serverRunID, dataSet: values[1].string ?? ""), reply: values[0])
    }

    /// Reads all sessions of one key.
    ///
    /// Redis returns a topic of more than a few hundred members page by page. Then the snapshot shows each session as
    /// it was at the cursor or later.
    package func entry(of key: Key, on topic: Topic) async throws(StoreError) -> Snapshot {
        let keys = keys.topic(topic)
        let pattern = RedisArgument.bytes(Self.escaped(Array(key.text.utf8)) + [0x1f, UInt8(ascii: "*")])
        func scan(_ cursor: RedisArgument) -> [RedisArgument] {
            [keys.members, cursor, "MATCH", pattern, "COUNT", 1000]
        }

        let connection = try connection()
        let (reply, values) = try await connection.atPosition(of: keys, RedisCommand("HSCAN", scan("0")))
        var snapshot = Snapshot(cursor: reply.cursor, now: reply.now, presences: [])
        var page = values[0]
        var seen: Set<Member> = []
        while true {
            guard let parts = page.elements, parts.count == 2, let cursor = parts[0].string else {
                throw .unexpected(page)
            }
            let read = try StoredTopic(topic: topic, cursor: reply.cursor, now: reply.now, reply: parts[1])
            try read.forEach { snapshot.presences.append(($0, $1)) }
            if cursor == "0" { break }
            page = try await connection.send("HSCAN", scan(.string(cursor)))
        }
        // HSCAN may return a member twice if the hash grows or shrinks meanwhile.
        snapshot.presences.removeAll { !seen.insert($0.member).inserted }
        return snapshot
    }

    /// Reads the sessions of some keys: the names of all members of the topic once, and no meta.
    package func sessions(of keys: Set<Key>, on topic: Topic) async throws(StoreError) -> [Key: Set<Member>] {
        let names = try await connection().send("HKEYS", [self.keys.topic(topic).members])
        guard let names = names.elements else { throw .unexpected(names) }
        var sessions: [Key: Set<Member>] = [:]
        for name in names {
            guard let name = name.buffer, let member = name.withBytes({ Member(bytes: $0) }) else {
                throw .unexpected(name)
            }
            if keys.contains(member.key) { sessions[member.key, default: []].insert(member) }
        }
        return sessions
    }

    /// Reads one presence, its lease and the topic's position; nil when it is absent.
    package func presence(
        of member: Member, on topic: Topic
    ) async throws(StoreError) -> (receipt: Receipt, stored: StoredPresence)? {
        let keys = keys.topic(topic)
        let name = RedisArgument.bytes(member.bytes)
        let (reply, values) = try await connection().atPosition(
            of: keys, RedisCommand("HGET", [keys.members, name]), RedisCommand("ZSCORE", [keys.leases, name]))
        guard let value = values[0].buffer else { return nil }
        guard let stored = value.withBytes({ StoredPresence($0) }) else { throw .strange(member, on: topic) }
        let receipt = Receipt(
            ref: stored.presence.ref, previous: stored.presence.previous, ttl: stored.ttl,
            expiresAt: values[1].int.map { Int64($0) } ?? reply.now, now: reply.now, cursor: reply.cursor)
        return (receipt, stored)
    }

    /// Reads the position of a topic; ``Cursor/empty`` when the topic is empty.
    package func position(of topic: Topic) async throws(StoreError) -> Cursor {
        try await positions(of: [topic])[0].get()
    }

    /// Reads the positions of topics, in the given order, each with its own result.
    package func positions(of topics: [Topic]) async throws(StoreError) -> [Result<Cursor, StoreError>] {
        var cursors: [Result<Cursor, StoreError>] = []
        cursors.reserveCapacity(topics.count)
        for chunk in topics.chunks(of: Self.membersPerCall) {
            let connection = try connection()
            let (script, fence) = (connection.positionScript, connection.fence)
            let calls = chunk.map {
                ScriptCall(script: script, keys: [keys.topic($0).position], arguments: fence)
            }
            for value in try await connection.pipeline(calls) {
                cursors.append(Result { () throws(StoreError) in try StoreReply(value).cursor })
            }
        }
        return cursors
    }

    /// Escapes the characters that have a meaning in a glob pattern of Redis.
    static func escaped(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { #"*?[]\^-"#.utf8.contains($0) ? [UInt8(ascii: "\\"), $0] : [$0] }
    }
}
