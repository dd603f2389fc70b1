// Rollcall · PresenceStore

import Basics
import NIOCore
package import PresenceModel
import Redis

extension PresenceStore {
    /// The rounds in a row without any outcome after which ``update(_:on:)`` throws `conflictedTooOften`.
    private static let attempts = 64

    /// Replaces or patches the metas of presences; leases, ttls and owners stay.
    ///
    /// A patch reads the meta, merges it, and writes it if the ref is still the one that was read; otherwise it starts
    /// again. Several updates of one member are executed in the given order.
    package func update(_ items: [UpdateItem], on topic: Topic) async throws(StoreError) -> [UpdateOutcome] {
        var outcomes = [UpdateOutcome](repeating: .absent, count: items.count)
        var waiting = Array(items.indices)
        var failures = 0
        while !waiting.isEmpty {
            var members: Set<Member> = []
            let round = Array(waiting.filter { members.insert(items[$0].member).inserted }.prefix(Self.membersPerCall))
            var settled: Set<Int> = []
            for (index, outcome) in try await attempt(round.map { (index: $0, item: items[$0]) }, on: topic) {
                outcomes[index] = outcome
                settled.insert(index)
            }
            waiting.removeAll { settled.contains($0) }
            failures = settled.isEmpty ? failures + 1 : 0
            guard failures < Self.attempts else {
                throw StoreError(.conflictedTooOften, "others changed the meta at each of \(failures) attempts")
            }
            if failures > 4 { try? await Task.sleep(for: .milliseconds(Int.random(in: 1...failures))) }
        }
        return outcomes
    }

    /// A meta that is written if the stored ref fulfils the condition.
    private struct Candidate {
        let index: Int
        let member: Member
        let meta: Meta
        /// The condition as an argument of the script.
        let condition: RedisArgument
        /// Whether the condition is the ref that was read, not the caller's: if it has changed, the update reads again.
        let isRetried: Bool
    }

    /// Tries updates of different members once; an item without an outcome lost a race and is tried again.
    private func attempt(
        _ round: [(index: Int, item: UpdateItem)], on topic: Topic
    ) async throws(StoreError) -> [(index: Int, outcome: UpdateOutcome)] {
        let current = try await values(
            of: round.compactMap { if case .patch = $0.item.change { $0.item.member } else { nil } }, on: topic)
        var settled: [(index: Int, outcome: UpdateOutcome)] = []
        var candidates: [Candidate] = []
        for (index, item) in round {
            switch item.change {
            case .replace(let meta):
                candidates.append(
                    Candidate(
                        index: index, member: item.member, meta: meta, condition: item.condition?.argument ?? "",
                        isRetried: false))
            case .patch(let patch):
                guard let found = current[item.member] else {
                    settled.append((index, .absent))
                    continue
                }
                guard item.condition?.permits(found.ref) ?? true else {
                    settled.append((index, .moved(found.ref)))
                    continue
                }
                do throws(InputError) {
                    candidates.append(
                        Candidate(
                            index: index, member: item.member,
                            meta: try found.meta.patched(by: patch, limit: limits.maximumMetaBytes),
                            condition: .string(found.ref.text), isRetried: true))
                } catch {
                    settled.append((index, .invalid(error)))
                }
            }
        }
        return settled + (try await write(candidates, on: topic))
    }

    private func write(
        _ candidates: [Candidate], on topic: Topic
    ) async throws(StoreError) -> [(index: Int, outcome: UpdateOutcome)] {
        guard !candidates.isEmpty else { return [] }
        let keys = keys.topic(topic)
        let connection = try writer()
        var arguments = [keys.channel] + connection.fence
        for candidate in candidates {
            arguments.append(.bytes(candidate.member.bytes))
            arguments.append(candidate.condition)
            arguments.append(.string(Ref.random().text))
            arguments.append(.bytes(candidate.meta.json))
        }
        var reply = try StoreReply(
            await connection.call(StoreScripts.update, [keys.position, keys.members, keys.leases], arguments))
        var settled: [(index: Int, outcome: UpdateOutcome)] = []
        for candidate in candidates {
            let status = try reply.int()
            if status == 2 {
                try reply.skip(4)
                settled.append((candidate.index, .absent))
                continue
            }
            var receipt = try reply.receipt()
            receipt.expiresAt = Int64(try reply.int())
            switch status {
            case 0: settled.append((candidate.index, .unchanged(receipt)))
            case 1: settled.append((candidate.index, .changed(receipt)))
            default: if !candidate.isRetried { settled.append((candidate.index, .moved(receipt.ref))) }
            }
        }
        return settled
    }

    private func values(of members: [Member], on topic: Topic) async throws(StoreError) -> [Member: Presence] {
        guard !members.isEmpty else { return [:] }
        let arguments = [keys.topic(topic).members] + members.map { RedisArgument.bytes($0.bytes) }
        let reply = try await connection().send("HMGET", arguments)
        var presences: [Member: Presence] = [:]
        for (member, value) in zip(members, reply.elements ?? []) {
            guard let value = value.buffer else { continue }
            guard let stored = value.withBytes({ StoredPresence($0) }) else { throw .strange(member, on: topic) }
            presences[member] = stored.presence
        }
        return presences
    }
}

extension StoreError {
    static func strange(_ member: Member, on topic: Topic) -> StoreError {
        StoreError(.corrupt, "the stored value of \(member) on \(topic) was not written by Rollcall")
    }
}
