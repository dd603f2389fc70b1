// Rollcall · PresenceStore

import NIOCore
package import Presence
import Redis

/// The end of a stream that a presence is bound to.
package struct ReleaseItem: Hashable, Sendable {
    package var member: Member
    package var owner: StreamOwner
    /// Whole seconds that the presence stays when no other stream holds it; 0 ends it at once.
    package var grace: Int
    /// Whether a stream that comes back without a session may take this one, since the server had given it.
    package var isResumable: Bool

    package init(member: Member, owner: StreamOwner, grace: Int, isResumable: Bool = false) {
        self.member = member
        self.owner = owner
        self.grace = grace
        self.isResumable = isResumable
    }
}

/// What ``PresenceStore/restore(_:on:)`` found of one member.
package enum RestoreOutcome: Hashable, Sendable {
    /// It was absent and is there again, under the ref it had.
    case restored
    /// It was there; this is its value, which may be newer than the given one.
    ///
    /// Its lease has moved for an open stream, not for heartbeats.
    case kept(StoredPresence)
    /// It was untracked while its stream held it, and is not brought back.
    case untracked
}

extension PresenceStore {
    /// Moves leases of presences bound to open streams to now + `lease` seconds; returns those that were not renewed.
    ///
    /// Publishes nothing and works on a full Redis. Only a stream that holds the presence renews it.
    package func renew(
        _ members: [(member: Member, owner: StreamOwner)], on topic: Topic, lease: Int
    ) async throws(StoreError) -> [FailedLeaseRenewal] {
        var failures: [FailedLeaseRenewal] = []
        for chunk in members.chunks(of: Self.membersPerCall) {
            let renewal = LeaseRenewal(
                topic: topic, lease: lease, members: Array(chunk),
                arguments: chunk.flatMap { [.bytes($0.member.bytes), .string($0.owner.text)] })
            failures += try await renew([renewal])[0].get()
        }
        return failures
    }

    /// Renews many topics in one go, each with its own result.
    ///
    /// A missing right does not keep a node from renewing: the script does no harm where Redis stops it, and without
    /// renewals other nodes would remove the presences.
    func renew(
        _ renewals: [LeaseRenewal]
    ) async throws(StoreError) -> [Result<[FailedLeaseRenewal], StoreError>] {
        let calls = renewals.map { renewal in
            let keys = keys.topic(renewal.topic)
            return ScriptCall(
                script: StoreScripts.renew, keys: [keys.members, keys.leases, keys.due, keys.holders],
                arguments: [keys.topic, .integer(renewal.lease * 1000)] + renewal.arguments)
        }
        let values = try await renewer().pipeline(calls)
        return zip(renewals, values).map { renewal, value in
            Result { () throws(StoreError) in try Self.failures(of: renewal, value) }
        }
    }

    /// Ends the hold of streams that have ended: a presence that no other stream holds has its grace.
    ///
    /// Returns for each whether that stream held it.
    package func release(_ items: [ReleaseItem], on topic: Topic) async throws(StoreError) -> [Bool] {
        let keys = keys.topic(topic)
        var released: [Bool] = []
        for chunk in items.chunks(of: Self.membersPerCall) {
            let connection = try writer()
            var arguments = [keys.topic, keys.channel] + connection.fence
            for item in chunk {
                arguments += [.bytes(item.member.bytes), .string(item.owner.text), .integer(item.grace * 1000)]
                arguments.append(item.isResumable ? "1" : "")
            }
            var reply = try StoreReply(await connection.call(StoreScripts.release, keys.all, arguments))
            for _ in chunk { released.append(try reply.int() == 1) }
        }
        return released
    }

    /// Brings presences back that a Redis which lost writes has forgotten, under the refs they had, and has streams hold
    /// those again that are there.
    package func restore(
        _ items: [(member: Member, stored: StoredPresence)], on topic: Topic
    ) async throws(StoreError) -> [RestoreOutcome] {
        let keys = keys.topic(topic)
        var outcomes: [RestoreOutcome] = []
        for chunk in items.chunks(of: Self.membersPerCall) {
            let connection = try writer()
            var arguments = [keys.topic, keys.channel] + connection.fence
            for item in chunk { arguments += [.bytes(item.member.bytes), .bytes(item.stored.bytes)] }
            var reply = try StoreReply(await connection.call(StoreScripts.restore, keys.allAndUntracked, arguments))
            for item in chunk {
                let (status, value) = (try reply.int(), try reply.buffer())
                var stored = item.stored
                if value.readableBytes > 0 {
                    guard let found = value.withBytes({ StoredPresence($0) }) else {
                        throw .strange(item.member, on: topic)
                    }
                    stored = found
                }
                let outcome: RestoreOutcome =
                    switch status {
                    case 3: .untracked
                    case 2: .restored
                    default: .kept(stored)
                    }
                outcomes.append(outcome)
            }
        }
        return outcomes
    }

    private static func failures(
        of renewal: LeaseRenewal, _ value: RedisValue
    ) throws(StoreError) -> [FailedLeaseRenewal] {
        var reply = try StoreReply(timed: value)
        var failures: [FailedLeaseRenewal] = []
        while !reply.isAtEnd {
            let index = try reply.int()
            // The owner that is there, for those who look at Redis: any finding is answered by a restore.
            try reply.skip(1)
            guard renewal.members.indices.contains(index) else { throw .unexpected(value) }
            let (member, owner) = renewal.members[index]
            failures.append(FailedLeaseRenewal(member: member, owner: owner))
        }
        return failures
    }
}
