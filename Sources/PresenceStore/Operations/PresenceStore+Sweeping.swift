// Rollcall · PresenceStore

import Basics
import NIOCore
package import PresenceModel
import Redis

/// The result of a tick of one bucket.
package struct Tick: Hashable, Sendable {
    /// Milliseconds for which the bucket is still held; 0 without a hold.
    package var heldFor: Int
    /// Topics in which a lease may be over; none during a hold.
    package var topics: [Topic]
}

/// The result of a sweep of one topic.
package struct Sweep: Hashable, Sendable {
    /// A hold, a tick gap, another run_id or a clock that went back forbade the sweep; nothing was changed.
    package var isHeld: Bool
    package var removed: Int
    /// More leases are over than one call removes.
    package var hasMore: Bool
    /// The topic has leases without members, or members without leases.
    package var needsAudit: Bool
}

/// The repairs of an audit of one topic.
package struct Audit: Hashable, Sendable {
    /// Members that had no lease.
    package var given = 0
    /// Leases that had no member.
    package var dropped = 0

    package init(given: Int = 0, dropped: Int = 0) {
        self.given = given
        self.dropped = dropped
    }
}

extension PresenceStore {
    /// Lists a node as live; returns all live nodes, and whether Redis listed this one until now.
    package func enlist(
        _ node: String, policy: SweepPolicy
    ) async throws(StoreError) -> (nodes: [String], wasListed: Bool) {
        let value = try await writer(isSilent: true).call(
            StoreScripts.enlist, [.string(keys.nodes), .string(keys.configuration)],
            [.string(node), .integer(policy.nodeTimeout.wholeMilliseconds), .string(Epoch.random().description)])
        var reply = try StoreReply(timed: value)
        let wasListed = try reply.int() == 1
        var nodes: [String] = []
        while !reply.isAtEnd { nodes.append(String(buffer: try reply.buffer())) }
        return (nodes, wasListed)
    }

    /// Removes a node that stops from the list.
    package func delist(_ node: String) async throws(StoreError) {
        _ = try await writer(isSilent: true).send("ZREM", [.string(keys.nodes), .string(node)])
    }

    /// Ticks buckets in one pipeline.
    package func tick(_ buckets: [Int], policy: SweepPolicy) async throws(StoreError) -> [Tick] {
        let connection = try writer(isSilent: true)
        let arguments =
            [connection.runID]
            + [policy.gap, policy.leastHold, policy.longestLease, policy.defaultLease].map {
                .integer($0.wholeMilliseconds)
            }
            + [.integer(policy.topicsPerTick)]
        let values = try await connection.pipeline(
            buckets.map {
                ScriptCall(script: StoreScripts.tick, keys: [keys.clock($0), keys.due($0)], arguments: arguments)
            })
        var ticks: [Tick] = []
        for value in values {
            var reply = try StoreReply(timed: value)
            var tick = Tick(heldFor: try reply.int(), topics: [])
            while !reply.isAtEnd {
                // Another program wrote a name that is no topic; it is left alone.
                if let topic = try reply.buffer().withBytes({ Topic(utf8: $0) }) { tick.topics.append(topic) }
            }
            ticks.append(tick)
        }
        return ticks
    }

    /// Sweeps topics in one pipeline, each with its own result.
    package func sweep(
        _ topics: some Collection<Topic>, policy: SweepPolicy
    ) async throws(StoreError) -> [Result<Sweep, StoreError>] {
        let connection = try writer()
        let fence = connection.fence
        let limits: [RedisArgument] = [
            .integer(policy.membersPerSweep), .integer(policy.gap.wholeMilliseconds),
            .integer(policy.longestLease.wholeMilliseconds),
        ]
        let values = try await connection.pipeline(
            topics.map { topic in
                let keys = keys.topic(topic)
                return ScriptCall(
                    script: StoreScripts.sweep, keys: keys.all + [keys.clock],
                    arguments: [keys.topic, keys.channel] + fence + limits)
            })
        return values.map { value in
            Result { () throws(StoreError) in
                var reply = try StoreReply(value)
                let removed = try reply.int()
                return Sweep(
                    isHeld: removed < 0, removed: max(removed, 0), hasMore: try reply.int() == 1,
                    needsAudit: try reply.int() == 1)
            }
        }
    }

    /// Repairs a topic that lost one of its keys; a sound topic costs two counts and one page of `o`.
    package func audit(_ topic: Topic) async throws(StoreError) -> Audit {
        let keys = keys.topic(topic)
        var audit = Audit()
        var cursor = "0"
        repeat {
            let connection = try writer()
            let arguments =
                [keys.topic, keys.channel] + connection.fence
                + [.integer(limits.defaultTTL * 1000), .string(cursor)]
            var reply = try StoreReply(await connection.call(StoreScripts.audit, keys.all, arguments))
            audit.given += try reply.int()
            audit.dropped += try reply.int()
            cursor = String(buffer: try reply.buffer())
        } while cursor != "0"
        return audit
    }

    /// Lists the topics of a bucket, in no particular order.
    func topics(inBucket bucket: Int) async throws(StoreError) -> [Topic] {
        let value = try await connection().send("ZRANGE", [keys.due(bucket), 0, -1])
        return (value.elements ?? []).compactMap { $0.buffer.flatMap { $0.withBytes { Topic(utf8: $0) } } }
    }
}
