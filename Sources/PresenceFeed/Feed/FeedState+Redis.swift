// Rollcall · PresenceFeed

import NIOCore
import PresenceModel
import PresenceStore

/// Following the topic: messages, snapshots, and what happens when Redis loses data or is away.
extension FeedState {
    /// Whether subscribers see what Redis holds, as far as this node can know.
    private var isCurrent: Bool { replica.isLive && !isAway }

    mutating func advance(_ outcome: TopicReplica.Outcome, _ now: NIODeadline, _ actions: inout Actions) {
        for step in outcome.steps { advance(step, now, &actions) }
        if replica.isKnown { dataChangeLog.begin(at: now) }
        states.clear()
        if outcome.needsSnapshot { actions.append(.requestSnapshot(ticket: replica.loadTicket)) }
        if isCurrent { becomeCurrent() } else { becomeStale(now, &actions) }
    }

    private mutating func advance(_ step: ReplicaStep, _ now: NIODeadline, _ actions: inout Actions) {
        ring.append(step, at: now)
        window.add(step)
        // A member in a later step is no longer lost: its presence is back or has left.
        if !restorable.isEmpty { for change in step.changes { restorable[change.member] = nil } }
        if step.losesPresences {
            delayLosses(now, &actions)
            restoreSoon(step.restorable, &actions)
        }
        if audience.hasMembers { notifyOwners(of: step, &actions) }
        prefetch({ Set(step.changes.lazy.filter { $0.after != nil }.map(\.member.key)) }, &actions)
    }

    private mutating func notifyOwners(of step: ReplicaStep, _ actions: inout Actions) {
        for change in step.changes {
            for subscription in audience.subscribers(of: change.member) {
                flushing.noteOwn(OwnChange(change), of: subscription)
                actions.append(.notifyOwn(subscription, OwnChange(change)))
            }
        }
    }

    /// Asks for a snapshot.
    mutating func load(_ now: NIODeadline, _ actions: inout Actions) {
        replica.beginLoading()
        actions.append(.requestSnapshot(ticket: replica.loadTicket))
        becomeStale(now, &actions)
    }

    /// Asks for a snapshot unless one is on its way, or will be asked for when messages arrive again.
    mutating func reload(_ now: NIODeadline, _ actions: inout Actions) {
        if replica.isLive { load(now, &actions) }
    }

    mutating func refuse(_ now: NIODeadline, _ actions: inout Actions) {
        let reaction = malformed.add(at: now)
        if let count = reaction.logged { actions.append(.logMalformed(messages: count)) }
        // While a snapshot loads, no other is requested: it has this change, or the next message shows a sequence gap.
        if reaction.loads { reload(now, &actions) }
    }

    mutating func becomeStale(_ now: NIODeadline, _ actions: inout Actions) {
        notCurrentSince = notCurrentSince ?? now
        if currency.becomeStale(at: now) { scheduleDegraded(since: now, &actions) }
    }

    func scheduleDegraded(since: NIODeadline, _ actions: inout Actions) {
        actions.append(.schedule(.degraded(since: since), at: since + options.degradedDelay))
    }

    private mutating func becomeCurrent() {
        notCurrentSince = nil
        currency.becomeCurrent()
    }

    mutating func redisReturned(_ now: NIODeadline, _ actions: inout Actions) {
        // The pool reports each of its connections.
        guard isAway else { return }
        isAway = false
        if lossDelay != .none { delayLosses(now, &actions) }
        guard isCurrent else { return }
        becomeCurrent()
        recoverIfDue(&actions)
    }

    /// Sends `recovered` once all losses are known.
    mutating func recoverIfDue(_ actions: inout Actions) {
        guard lossDelay == .none, currency.recover() else { return }
        actions.append(.notifyAll(.recovered, new: audience.notice(isDegraded: false)))
    }

    mutating func degrade(since: NIODeadline, _ actions: inout Actions) {
        guard currency.degrade(since: since) else { return }
        actions.append(.notifyAll(.degraded(since: since), new: audience.notice(isDegraded: true)))
    }

    // MARK: Losses

    /// The lost presences that this node gives back to Redis.
    var missing: [(member: Member, stored: StoredPresence)] { restorable.map { ($0.key, $0.value) } }

    /// Delays losses from now on, while nodes restore presences and owners track again.
    mutating func delayLosses(_ now: NIODeadline, _ actions: inout Actions) {
        let end = now + options.lossDelay
        lossDelay = .waiting(until: end)
        actions.append(.schedule(.losses(until: end), at: end))
    }

    /// Ends the wait for losses, or begins it again if the timer fired late: then this node was stopped, and may have
    /// to restore presences.
    mutating func endWaitForLosses(until end: NIODeadline, _ now: NIODeadline, _ actions: inout Actions) {
        guard lossDelay == .waiting(until: end) else { return }
        if end + options.lossTimerSlack < now { delayLosses(now, &actions) } else { lossDelay = .over }
    }

    /// Whether losses may be sent, now that a flush is due; asks for a snapshot before they are.
    mutating func advanceLossDelay(_ now: NIODeadline, _ actions: inout Actions) -> Bool {
        switch lossDelay {
        case .none: return true
        case .waiting: return false
        case .over:
            // A message about a restored presence may have been lost with an old connection.
            lossDelay = .verifying
            reload(now, &actions)
            return false
        case .verifying:
            // While Redis is away, no node can restore the presences that the snapshot lacks.
            if isAway { return false }
            lossDelay = .none
            restorable = [:]
            return true
        }
    }

    /// Schedules the restore of lost presences at a random time for each topic and node: all nodes find the loss at
    /// once, and the restore of one node is enough.
    private mutating func restoreSoon(_ lost: [Member: StoredPresence], _ actions: inout Actions) {
        guard !lost.isEmpty else { return }
        restorable.merge(lost) { $1 }
        actions.append(.scheduleRestore(within: options.restoreTime))
    }
}
