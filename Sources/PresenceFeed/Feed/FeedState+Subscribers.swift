// Rollcall · PresenceFeed

import NIOCore
import PresenceModel
import PresenceText

/// Subscribers: how they come and go, and how long a feed without them lives.
extension FeedState {
    mutating func subscribe(_ subscription: Subscription, _ now: NIODeadline, _ actions: inout Actions) {
        actions.append(.cancelIdleTimer)
        let degradedSince = currency.degradedSince
        audience.add(subscription, isDegraded: degradedSince != nil, at: now)
        if let degradedSince { actions.append(.notify(subscription, .degraded(since: degradedSince))) }
        // Also when it is reached already: another epoch may begin before the next flush.
        if subscription.reaching != nil || subscription.since.map({ $0 != .empty }) == true {
            actions.append(.schedule(.cursor(subscription), at: now + options.cursorWait))
        }
        if subscription.format.showsData { prefetchRoster(&actions) }
    }

    mutating func unsubscribe(_ subscription: Subscription, _ now: NIODeadline, _ actions: inout Actions) {
        guard audience.remove(subscription) else { return }
        actions.append(.remove(subscription))
        if audience.isEmpty { scheduleIdleTimer(now, &actions) }
    }

    mutating func requestState(_ subscription: Subscription, _ now: NIODeadline, _ actions: inout Actions) {
        guard audience.contains(subscription) else { return }
        if let index = audience.newIndex(of: subscription) {
            audience.newSubscribers[index].mayResume = false
            return
        }
        actions.append(.remove(subscription))
        // A subscriber with a first event that waits for the hook has missed the notices since that flush began.
        let pending = flushing.pending?.arrivals.first { $0.subscription === subscription }
        // It has seen its own track before.
        audience.newSubscribers.append(
            NewSubscriber(
                subscription: subscription, since: now,
                isDegraded: pending?.isDegraded ?? (currency.degradedSince != nil),
                mayResume: false, waitsForCursor: false))
    }

    mutating func handle(_ timer: Timer, _ now: NIODeadline, _ actions: inout Actions) {
        switch timer {
        case .flush: hasFlushTimer = false
        case .losses(let end): endWaitForLosses(until: end, now, &actions)
        case .cursor(let subscription):
            // The message of its track may be lost.
            guard let index = audience.newIndex(of: subscription) else { return }
            audience.newSubscribers[index].waitsForCursor = false
            if mustNotSeeOlderState(subscription) { reload(now, &actions) }
        case .degraded(let since): degrade(since: since, &actions)
        case .restore:
            if !restorable.isEmpty { reload(now, &actions) }
        case .room: hasRoomTimer = false
        case .idle:
            guard audience.isEmpty else { return }
            // If the topic got its first presence since the timer was set, the stream of it may soon subscribe.
            if canMiss, !couldMiss { scheduleIdleTimer(now, &actions) } else { retireIfIdle(&actions) }
        }
    }

    /// Whether a state of the replica would be older than the subscriber's own track, or than an event that another
    /// node sent it.
    func mustNotSeeOlderState(_ subscription: Subscription) -> Bool {
        if let position = subscription.reaching {
            let hasReached =
                replica.isLive && replica.cursor.epoch == position.epoch && replica.cursor.seq >= position.seq
            if !hasReached { return true }
        }
        guard let since = subscription.since else { return false }
        return since.epoch == replica.cursor.epoch && since.seq > replica.cursor.seq
    }

    // MARK: Life

    /// Whether a stream that resumes could have missed a change.
    private var canMiss: Bool { !replica.roster.isEmpty || ring.bytes > 0 }

    mutating func scheduleIdleTimer(_ now: NIODeadline, _ actions: inout Actions) {
        couldMiss = canMiss
        let pause = couldMiss ? options.idleTime : min(options.emptyIdleTime, options.idleTime)
        actions.append(.schedule(.idle, at: now + pause))
    }

    /// Ends the feed, unless a stream follows it.
    mutating func retireIfIdle(_ actions: inout Actions) {
        guard audience.isEmpty else { return }
        isRetired = true
        ring.clear()
        dataChangeLog.trim(toBytes: 0)
        actions.append(.cancelIdleTimer)
        actions.append(.retire)
    }

    /// Bytes that are kept for streams that resume.
    var keptBytes: Int { isRetired ? 0 : ring.bytes + dataChangeLog.bytes }

    /// Drops the oldest of what is kept beyond the topic's share of the node's budget.
    mutating func trim(toShare share: Int) {
        guard keptBytes > share else { return }
        dataChangeLog.trim(toBytes: share / 4)
        ring.trim(toBytes: share - dataChangeLog.bytes)
    }

    // MARK: Queries

    /// The replica as this node knows it; nil before its first snapshot.
    var live: LiveRoster? {
        replica.isKnown ? LiveRoster(cursor: replica.cursor, roster: replica.roster) : nil
    }

    /// Whether the snapshot that was asked for under `ticket` is still wanted.
    func awaits(_ ticket: Int) -> Bool { replica.isLoading && replica.loadTicket == ticket }

    /// Whether the replica has reached a position of Redis; also true while the replica is not live.
    func hasReached(_ position: Cursor) -> Bool { !replica.isLive || replica.hasReached(to: position) }
}
