// Rollcall · PresenceStore

import Basics
import NIOCore
package import PresenceModel
import Redis

/// A presence to be released, because a stream that held it has ended.
package struct ReleaseItem: Hashable, Sendable {
    package var member: Member
    package var owner: StreamOwner
    /// Whole seconds that the presence stays when no other stream holds it; 0 ends it at once.
    package var grace: Int
    /// Whether a stream that reconnects without a session may resume this one, because the service drew it.
    package var isResumable: Bool
    /// Whether it leaves as `removed`, and without a grace, because the credential of its stream was revoked.
    package var isRemoved: Bool

    package init(
        member: Member, owner: StreamOwner, grace: Int, isResumable: Bool = false, isRemoved: Bool = false
    ) {
        self.member = member
        self.owner = owner
        self.grace = isRemoved ? 0 : grace
        self.isResumable = isResumable
        self.isRemoved = isRemoved
    }
}

/// The result of ``PresenceStore/restore(_:on:)`` for one member.
package enum RestoreOutcome: Hashable, Sendable {
    /// It was absent and was written again, with the given ref.
    case restored
    /// It was present, with this value, which may be newer than the given one.
    ///
    /// The lease moved for an open stream, not for heartbeats.
    case kept(StoredPresence)
    /// It was untracked, so it was not restored.
    case untracked
}

extension PresenceStore {
    /// Moves leases of presences bound to open streams to now + ttl, all renewals in one pipeline.
    ///
    /// Returns for each renewal the leases that did not move. Publishes nothing and works on a full Redis. Only a
    /// stream that holds the presence renews it.
    ///
    /// Renews also when a right is missing: the script does no harm where Redis stops it, and without renewals other
    /// nodes would remove the presences.
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

    /// Releases presences of streams that have ended: the grace begins where no other stream holds the presence.
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
                arguments.append(item.isRemoved ? "r" : "c")
            }
            var reply = try StoreReply(await connection.call(StoreScripts.release, keys.all, arguments))
            for _ in chunk { released.append(try reply.int() == 1) }
        }
        return released
    }

    /// Writes lost presences again, with their refs.
    ///
    /// If a presence is still there, its stream becomes a holder again.
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
            // Skips the owner that the script found: every failure leads to a restore.
            try reply.skip(1)
            guard renewal.members.indices.contains(index) else { throw .unexpected(value) }
            let (member, owner) = renewal.members[index]
            failures.append(FailedLeaseRenewal(member: member, owner: owner))
        }
        return failures
    }
}
