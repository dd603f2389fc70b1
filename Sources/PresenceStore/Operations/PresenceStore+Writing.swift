// Rollcall · PresenceStore

import Basics
package import PresenceModel
import Redis

extension PresenceStore {
    /// Tracks presences; a presence with a new meta gets a new ref.
    ///
    /// `owner` is an open stream that becomes a holder beside others. Without it, a presence that streams hold keeps
    /// its holders and its ttl, and one in its grace is kept by heartbeats from then on. An item with a condition
    /// changes nothing unless its member is present and fulfils it. When Redis is out of memory, a call throws before
    /// it writes anything.
    package nonisolated(nonsending) func track(
        _ items: [TrackItem], on topic: Topic, mode: TrackMode, owner: StreamOwner? = nil
    ) async throws(StoreError) -> [TrackOutcome] {
        let keys = keys.topic(topic)
        var outcomes: [TrackOutcome] = []
        outcomes.reserveCapacity(items.count)
        for chunk in items.chunks(of: Self.membersPerCall) {
            let connection = try writer()
            var arguments = [keys.topic, keys.channel] + connection.fence
            arguments.reserveCapacity(7 + 5 * chunk.count)
            arguments += [.string(mode.rawValue), .string(owner?.text ?? ""), .integer(limits.defaultTTL)]
            for item in chunk {
                arguments.append(.bytes(item.member.bytes))
                arguments.append(item.condition?.argument ?? "")
                arguments.append(.string(Ref.random().text))
                arguments.append(item.ttl.map { .integer($0) } ?? "")
                arguments.append(.bytes(item.meta?.json ?? []))
            }
            var reply = try StoreReply(await connection.call(StoreScripts.track, keys.allAndUntracked, arguments))
            for _ in chunk { outcomes.append(try Self.trackOutcome(&reply)) }
        }
        return outcomes
    }

    /// Tracks a presence for a stream that reconnects without its session; `item` has a new session.
    ///
    /// If the key has a presence in its grace with a session that the service drew, the stream takes that one instead.
    /// Returns the member that was tracked.
    package nonisolated(nonsending) func resume(
        _ item: TrackItem, on topic: Topic, owner: StreamOwner
    ) async throws(StoreError) -> (outcome: TrackOutcome, member: Member) {
        let keys = keys.topic(topic)
        let connection = try writer()
        let arguments =
            [keys.topic, keys.channel] + connection.fence
            + [
                "resume", .string(owner.text), .integer(limits.defaultTTL), .bytes(item.member.bytes), "",
                .string(Ref.random().text), item.ttl.map { .integer($0) } ?? "", .bytes(item.meta?.json ?? []),
            ]
        let value = try await connection.call(StoreScripts.track, keys.allAndUntracked, arguments)
        var reply = try StoreReply(value)
        let outcome = try Self.trackOutcome(&reply)
        guard let member = try reply.buffer().withBytes({ Member(bytes: $0) }) else { throw .unexpected(value) }
        return (outcome, member)
    }

    /// Removes presences, also those that streams hold, unless they do not fulfil their conditions.
    ///
    /// Redis remembers this in key `g` for 20 s to an hour, so that ``restore(_:on:)`` does not undo it. If several
    /// items name one member, their conditions must be equal.
    package func untrack(
        _ items: [UntrackItem], on topic: Topic, reason: UntrackReason = .untracked
    ) async throws(StoreError) -> [UntrackOutcome] {
        let names = items.map { (bytes: $0.member.bytes, condition: $0.condition) }
        return try await untrack(names: names, on: topic, reason: reason)
    }

    private func untrack(
        names: [(bytes: [UInt8], condition: RefCondition?)], on topic: Topic, reason: UntrackReason
    ) async throws(StoreError) -> [UntrackOutcome] {
        let keys = keys.topic(topic)
        var outcomes: [UntrackOutcome] = []
        outcomes.reserveCapacity(names.count)
        for chunk in names.chunks(of: Self.membersPerCall) {
            let connection = try writer()
            var arguments: [RedisArgument] = [keys.topic, keys.channel] + connection.fence
            arguments.append(.string(reason.rawValue))
            arguments.reserveCapacity(5 + 2 * chunk.count)
            for name in chunk {
                arguments.append(.bytes(name.bytes))
                arguments.append(name.condition?.argument ?? "")
            }
            var reply = try StoreReply(await connection.call(StoreScripts.untrack, keys.allAndUntracked, arguments))
            // The refs of members that moved follow after all statuses.
            var moved: [Int] = []
            for _ in chunk {
                switch try reply.int() {
                case 0: outcomes.append(.absent)
                case 1: outcomes.append(.removed)
                default:
                    moved.append(outcomes.count)
                    outcomes.append(.absent)
                }
            }
            for index in moved { outcomes[index] = .moved(try reply.ref()) }
        }
        return outcomes
    }

    /// Removes all sessions of a key; returns how many there were.
    package func untrack(
        key: Key, on topic: Topic, reason: UntrackReason = .untracked
    ) async throws(StoreError) -> Int {
        let sessions = try await entry(of: key, on: topic).presences.map(\.member)
        return try await untrack(sessions: sessions, ofKeys: [key], on: topic, reason: reason)
    }

    /// Removes the sessions that the caller has read; returns how many were present.
    ///
    /// Keeps nodes from restoring sessions of these keys that Redis lost.
    package func untrack(
        sessions: [Member], ofKeys keys: Set<Key>, on topic: Topic, reason: UntrackReason = .untracked
    ) async throws(StoreError) -> Int {
        // A key without a session stands for its sessions that nodes may be about to restore.
        let names = sessions.map(\.bytes) + keys.map { Array($0.text.utf8) + [0x1f] }
        let outcomes = try await untrack(
            names: names.map { (bytes: $0, condition: nil) }, on: topic, reason: reason)
        return outcomes.count { $0 == .removed }
    }

    /// Moves leases to now + ttl, where nil means the stored ttl; publishes nothing.
    ///
    /// A presence in its grace is kept by heartbeats from then on; one that an open stream holds keeps its ttl. A
    /// presence that does not fulfil its condition stays as it is.
    package func heartbeat(_ items: [HeartbeatItem], on topic: Topic) async throws(StoreError) -> [HeartbeatOutcome] {
        let keys = keys.topic(topic)
        var outcomes: [HeartbeatOutcome] = []
        outcomes.reserveCapacity(items.count)
        for chunk in items.chunks(of: Self.membersPerCall) {
            let connection = try renewer()
            var arguments = [keys.topic] + connection.fence
            arguments.reserveCapacity(3 + 3 * chunk.count)
            for item in chunk {
                arguments.append(.bytes(item.member.bytes))
                arguments.append(item.condition?.argument ?? "")
                arguments.append(item.ttl.map { .integer($0) } ?? "")
            }
            var reply = try StoreReply(await connection.call(StoreScripts.heartbeat, keys.all, arguments))
            for _ in chunk {
                switch try reply.int() {
                case 0:
                    try reply.skip(3)
                    outcomes.append(.absent)
                case 1: outcomes.append(.renewed(try reply.receipt()))
                default: outcomes.append(.moved(try reply.receipt().ref))
                }
            }
        }
        return outcomes
    }

    private static func trackOutcome(_ reply: inout StoreReply) throws(StoreError) -> TrackOutcome {
        let status = try reply.int()
        if status == 4 {
            let ref = try reply.optionalRef()
            try reply.skip(2)
            return .moved(ref)
        }
        let receipt = try reply.receipt()
        switch status {
        case 0: return .unchanged(receipt)
        case 1: return .changed(receipt)
        case 2: return .created(receipt)
        default: return .conflict(receipt.ref)
        }
    }
}
