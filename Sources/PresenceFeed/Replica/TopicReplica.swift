// Rollcall · PresenceFeed

package import NIOCore
package import PresenceModel
package import PresenceStore

/// A node's copy of one topic, as a pure state machine: snapshots and messages in, steps out.
///
/// At cursor (E, S) it applies message S+1 of epoch E and drops older ones. An empty replica also applies a message
/// with the whole state of another epoch. Any other message requires a snapshot. Messages that arrive meanwhile wait
/// for the snapshot, because it may overtake them.
package struct TopicReplica: Sendable {
    private enum Phase {
        /// No acknowledged subscription: the roster may be old. → `loading`
        case detached
        /// A snapshot is on its way; messages wait for it. → `live`, `loading`, `detached`
        case loading(PendingMessages)
        /// The roster is the topic's state at `cursor`. → `loading`, `detached`
        case live
    }

    /// Messages that wait for a snapshot.
    private struct PendingMessages {
        var messages: [FeedMessage] = []
        var bytes = 0
        /// Whether they went over a bound and were dropped.
        var isOverflown = false

        mutating func add(_ message: FeedMessage) {
            guard !isOverflown else { return }
            messages.append(message)
            bytes += message.bytes
            guard messages.count > maximumPending || bytes > maximumPendingBytes else { return }
            messages = []
            isOverflown = true
        }
    }

    /// The result of an input.
    package struct Outcome: Sendable {
        package var steps: [ReplicaStep] = []
        /// The replica can go on only with a fresh snapshot; it is in `loading` already.
        package var needsSnapshot = false

        package init(steps: [ReplicaStep] = [], needsSnapshot: Bool = false) {
            self.steps = steps
            self.needsSnapshot = needsSnapshot
        }
    }

    /// Messages held while a snapshot is awaited.
    ///
    /// At either bound all are dropped and another snapshot is asked for.
    package static let maximumPending = 1024
    /// The bound on the bytes of these messages, as `FeedMessage.bytes` estimates them.
    package static let maximumPendingBytes = 16 << 20

    package private(set) var roster = Roster()
    /// The ttl of each presence that heartbeats keep, in seconds: no stream's node could restore it.
    private var heartbeats: [Member: Int] = [:]
    /// Where the last snapshot was read: a topic that empties and fills again begins an epoch, and has lost nothing.
    private var source = DataSource()
    package private(set) var cursor = Cursor.empty
    /// Whether a snapshot was ever loaded: before that there is no roster to speak of.
    package private(set) var isKnown = false
    /// Counts the times that loading began.
    ///
    /// A snapshot asked for earlier may be older than the messages applied since.
    package private(set) var loadTicket = 0
    private var phase = Phase.detached

    package init() {}

    package var isLive: Bool {
        if case .live = phase { true } else { false }
    }

    package var isLoading: Bool {
        if case .loading = phase { true } else { false }
    }

    /// Waits for a snapshot, because the subscription is acknowledged or the roster cannot be trusted.
    package mutating func beginLoading() {
        loadTicket += 1
        phase = .loading(PendingMessages())
    }

    /// The connection that brings messages is gone.
    package mutating func detach() { phase = .detached }

    /// Takes one message of the topic.
    package mutating func receive(_ message: FeedMessage) -> Outcome {
        switch phase {
        case .detached:
            return Outcome()
        case .loading(var held):
            phase = .detached  // Gives up the array's second reference, so that the append does not copy it.
            held.add(message)
            phase = .loading(held)
            return Outcome()
        case .live:
            return follow(message)
        }
    }

    /// Takes the snapshot that was asked for under `ticket`, and the messages that were held for it.
    ///
    /// - Parameter silence: For how long this replica had not been live, or Redis away.
    package mutating func load(_ snapshot: Snapshot, ticket: Int, after silence: TimeAmount = .zero) -> Outcome {
        guard case .loading(let held) = phase, ticket == loadTicket else { return Outcome() }
        guard !held.isOverflown else {
            beginLoading()
            return Outcome(needsSnapshot: true)
        }
        var fresh = Roster(capacity: snapshot.presences.count)
        var kept: [Member: Int] = [:]
        kept.reserveCapacity(snapshot.presences.count)
        for (member, stored) in snapshot.presences {
            fresh.set(stored.presence, for: member)
            if stored.owner == .heartbeats { kept[member] = stored.ttl }
        }

        var outcome = Outcome()
        if isKnown, snapshot.cursor != cursor {
            let changes = fresh.differences(from: roster)
            let isNewEpoch = snapshot.cursor.epoch != cursor.epoch
            outcome.steps.append(
                ReplicaStep(
                    from: cursor, to: snapshot.cursor, changes: changes,
                    losesPresences: isNewEpoch && changes.contains { $0.after == nil },
                    restorable: isNewEpoch ? restorable(of: changes, missingIn: snapshot, after: silence) : [:]))
        }
        roster = fresh
        heartbeats = kept
        source = snapshot.source
        cursor = snapshot.cursor
        isKnown = true
        phase = .live

        for message in held.messages {
            let next = follow(message)
            outcome.steps += next.steps
            if next.needsSnapshot {
                outcome.needsSnapshot = true
                break
            }
        }
        return outcome
    }

    /// Whether this replica has applied all messages that a position of Redis counts.
    package func hasReached(to position: Cursor) -> Bool {
        position == .empty ? roster.isEmpty : position.epoch == cursor.epoch && position.seq <= cursor.seq
    }

    private mutating func follow(_ message: FeedMessage) -> Outcome {
        let next = message.cursor
        if next.epoch == cursor.epoch {
            if next.seq <= cursor.seq { return Outcome() }
            if next.seq == cursor.seq + 1 { return Outcome(steps: [apply(message)]) }
        } else if message.isWholeState, roster.isEmpty {
            // The first message of an empty topic has the whole state. A replica with presences loads a snapshot
            // instead, because the message may be of an older epoch that a snapshot overtook.
            return Outcome(steps: [apply(message)])
        }
        beginLoading()
        return Outcome(needsSnapshot: true)
    }

    private mutating func apply(_ message: FeedMessage) -> ReplicaStep {
        var changes: [Change] = []
        changes.reserveCapacity(message.records.count)
        for record in message.records {
            let change =
                switch record {
                case .set(let member, let stored): set(stored, for: member)
                case .leave(let member, let reason): remove(member, reason)
                }
            if let change { changes.append(change) }
        }
        defer { cursor = message.cursor }
        return ReplicaStep(from: cursor, to: message.cursor, changes: changes)
    }

    private mutating func set(_ stored: StoredPresence, for member: Member) -> Change? {
        heartbeats[member] = stored.owner == .heartbeats ? stored.ttl : nil
        return Change(member: member, before: roster.set(stored.presence, for: member), after: stored.presence)
    }

    private mutating func remove(_ member: Member, _ reason: LeaveReason) -> Change? {
        heartbeats[member] = nil
        return Change(member: member, before: roster.remove(member), after: nil, reason: reason)
    }

    /// The missing presences, as Redis had them, that no node of a stream can restore.
    ///
    /// They are lost only if this is another Redis, for less than their ttl and 60 s: a presence that is missing for
    /// longer has left, and this node missed the message.
    private func restorable(
        of changes: [Change], missingIn snapshot: Snapshot, after silence: TimeAmount
    ) -> [Member: StoredPresence] {
        guard snapshot.source != source, !source.dataSet.isEmpty else { return [:] }
        let time: Int64
        if snapshot.source.dataSet == source.dataSet {
            time = silence.nanoseconds / 1_000_000
        } else {
            time = snapshot.source.began.map { snapshot.now - $0 } ?? 0
        }
        var restorable: [Member: StoredPresence] = [:]
        for change in changes where change.after == nil {
            guard let presence = change.before, let ttl = heartbeats[change.member], time < min(ttl, 60) * 1000 else {
                continue
            }
            restorable[change.member] = StoredPresence(presence: presence, ttl: ttl)
        }
        return restorable
    }
}

/// A topic as a node's feed knows it.
package struct LiveRoster: Sendable {
    package let cursor: Cursor
    package let roster: Roster

    package init(cursor: Cursor, roster: Roster) {
        self.cursor = cursor
        self.roster = roster
    }
}
