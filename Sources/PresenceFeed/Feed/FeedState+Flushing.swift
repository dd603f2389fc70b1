// Rollcall · PresenceFeed

import NIOCore
import PresenceModel
import PresenceText

/// Flushing: changes of the window, changed data and first events are enriched and sent together.
extension FeedState {
    /// The flush that waits, and the data that is kept for it and for the next one.
    struct Flushing: Sendable {
        /// The flush that waits for the fetch hook; nil while none does.
        var pending: Flush?
        /// When the first prefetch for the next flush began, while this flush waits; nil if none began.
        var nextSince: NIODeadline?
        /// Whether a prefetch of the whole roster for the next flush was requested.
        var isRosterPrefetched = false
        /// Whether a flush was due while this one waited.
        var isFlushDue = false
        /// The last change of each subscriber's own presence while this flush waits.
        private(set) var ownChanges: [ObjectIdentifier: OwnChange] = [:]

        mutating func prefetchBegan(at now: NIODeadline) { nextSince = nextSince ?? now }

        mutating func noteOwn(_ change: OwnChange, of subscription: Subscription) {
            if pending != nil { ownChanges[ObjectIdentifier(subscription)] = change }
        }

        /// The next flush begins, or there is none: later ones have their own time.
        mutating func endPrefetches() {
            nextSince = nil
            isRosterPrefetched = false
        }

        mutating func end() { ownChanges = [:] }
    }

    /// States up to this size are always made: most fit into the kernel's buffers.
    private static let smallState = 64 << 10
    private static let leastBytesOfPresence = 64
    private static let noRoster = Roster()

    mutating func flushIfDue(_ now: NIODeadline, _ actions: inout Actions, _ makeRoom: () -> Bool) {
        flushing.isFlushDue = flushing.pending != nil
        guard replica.isLive, flushing.pending == nil else { return }
        guard !window.isEmpty || !dataChanges.ready.isEmpty else {
            guard !audience.newSubscribers.isEmpty else {
                flushing.endPrefetches()
                return recoverIfDue(&actions)
            }
            return startFlush(nil, isForAll: false, now, &actions, makeRoom)
        }
        switch window.decision(at: now) {
        case .busy: break
        case .flush:
            guard advanceLossDelay(now, &actions) else { return }
            let batch = window.takeBatch(at: now)
            window.restartFlush(at: now)
            startFlush(batch, isForAll: true, now, &actions, makeRoom)
        case .wait(let deadline):
            guard !hasFlushTimer else { return }
            hasFlushTimer = true
            actions.append(.schedule(.flush, at: deadline))
        }
    }

    /// Sends a diff to all subscribers, and to new ones what they missed, or the state.
    ///
    /// While the fetch hook is awaited changes gather in the window, so that the order stays that of the commits.
    private mutating func startFlush(
        _ batch: DiffWindow.Batch?, isForAll: Bool, _ now: NIODeadline, _ actions: inout Actions,
        _ makeRoom: () -> Bool
    ) {
        states.clearIfOver(at: now)
        let flush = makeFlush(batch, isForAll: isForAll, now, &actions, makeRoom)
        let since = flushing.nextSince ?? now
        flushing.endPrefetches()
        if isEnriched, audience.showsData {
            let (shown, leaving) = flush.keys()
            if !shown.isEmpty || !leaving.isEmpty {
                flushing.pending = flush
                actions.append(.enrich(shown: shown, leaving: leaving, since: since))
                return
            }
        }
        deliver(flush, .none, now, &actions)
    }

    /// Sends the flush that waited; false if there is nothing to send.
    mutating func endEnrichment(
        _ fields: EnrichmentFields, _ wasAwaited: Bool, _ now: NIODeadline, _ actions: inout Actions
    ) -> Bool {
        guard let flush = flushing.pending.take() else { return false }
        // The wait for the hook must not widen the next window.
        if wasAwaited, flush.isForAll { window.restartFlush(at: now) }
        defer { flushing.end() }
        return deliver(flush, fields, now, &actions)
    }

    @discardableResult
    private mutating func deliver(
        _ flush: Flush, _ fields: EnrichmentFields, _ now: NIODeadline, _ actions: inout Actions
    ) -> Bool {
        let changedKeys = flush.changedKeys.filter { !fields.incomplete.contains($0) }
        if !changedKeys.isEmpty { dataChangeLog.append(changedKeys, at: now) }
        let enriched = EnrichedRoster(
            topic: topic, cursor: flush.cursor, roster: flush.roster, counts: flush.counts, fields: fields)
        let delivery = Delivery(
            flush: flush, enriched: enriched, changedKeys: changedKeys,
            firstEvents: firstEvents(of: flush), formats: audience.formats,
            isEnriched: isEnriched)
        if !delivery.isEmpty { actions.append(.deliver(delivery)) }
        recoverIfDue(&actions)
        return !delivery.isEmpty
    }

    private func firstEvents(of flush: Flush) -> [Delivery.FirstEvents] {
        // While the flush waited, a subscriber may have ended, or dropped its queue and become a new subscriber.
        let again = Set(audience.newSubscribers.map { ObjectIdentifier($0.subscription) })
        return flush.arrivals.compactMap { arrival in
            let subscription = arrival.subscription
            guard audience.contains(subscription), !again.contains(ObjectIdentifier(subscription)) else { return nil }
            let notice: FeedEvent? =
                switch (arrival.isDegraded, currency.degradedSince) {
                case (false, let since?): .degraded(since: since)
                case (true, nil): .recovered
                case (true, .some), (false, nil): nil
                }
            // An absent presence may be deleted or lost. The lease keeper finds out which, unless the flush has
            // recorded its leave.
            let own =
                flushing.ownChanges[ObjectIdentifier(subscription)]
                ?? subscription.member.flatMap { replica.roster[$0] }.map(OwnChange.became)
            return Delivery.FirstEvents(arrival: arrival, notice: notice, own: own)
        }
    }

    /// Keeps states for subscribers that come next, unless a change has overtaken them.
    mutating func cacheStates(_ frames: [FrameFormat: ByteBuffer], _ version: Int, _ now: NIODeadline) {
        states.keep(frames, version, until: isEnriched ? now + options.enrichedStates : nil)
    }

    // MARK: New subscribers

    private mutating func makeFlush(
        _ batch: DiffWindow.Batch?, isForAll: Bool, _ now: NIODeadline, _ actions: inout Actions,
        _ makeRoom: () -> Bool
    ) -> Flush {
        let changedKeys = replica.roster.keys(among: dataChanges.takeReady())
        if !changedKeys.isEmpty { states.clear() }
        let isCrowded = isCrowded(makeRoom)
        var later: [NewSubscriber] = []
        var arrivals: [Flush.Arrival] = []
        var resumptions: [Flush.Origin: Flush.Resumption] = [:]
        for new in audience.newSubscribers {
            if new.waitsForCursor && mustNotSeeOlderState(new.subscription) {
                later.append(new)
                continue
            }
            let origin = origin(of: new)
            let missed = origin.flatMap { resumptions[$0] ?? resumption(from: $0, changing: changedKeys) }
            if isCrowded, mustWaitForRoom(new, resuming: missed, now) {
                later.append(new)
                continue
            }
            if let origin, let missed { resumptions[origin] = missed }
            arrivals.append(
                Flush.Arrival(
                    subscription: new.subscription, origin: missed == nil ? nil : origin, isReturning: new.isReturning,
                    isDegraded: new.isDegraded))
        }
        audience.newSubscribers = later
        if isCrowded, !later.isEmpty, !hasRoomTimer {
            hasRoomTimer = true
            actions.append(.schedule(.room, at: now + options.roomCheck))
        }
        let needsRoster = !changedKeys.isEmpty || arrivals.contains { $0.origin?.showsData ?? true }
        return Flush(
            batch: batch, cursor: replica.cursor, counts: RosterCounts(replica.roster),
            roster: needsRoster ? replica.roster : Self.noRoster, changedKeys: Array(changedKeys), arrivals: arrivals,
            resumptions: resumptions, states: states, isForAll: isForAll)
    }

    /// Where a new subscriber resumes from, if it may.
    private func origin(of new: NewSubscriber) -> Flush.Origin? {
        guard new.mayResume, let since = new.subscription.since, since != .empty else { return nil }
        return Flush.Origin(cursor: since, showsData: isEnriched && new.subscription.format.showsData)
    }

    /// The events that streams have missed since an origin; nil if that is not known.
    ///
    /// - Parameter changing: Keys that the same flush sends to all other subscribers.
    private func resumption(from origin: Flush.Origin, changing changedKeys: Set<Key>) -> Flush.Resumption? {
        guard let missed = ring.missed(after: origin.cursor, until: replica.cursor) else { return nil }
        guard origin.showsData else { return Flush.Resumption(diff: missed.diff, changedKeys: []) }
        let keys = dataChangeLog.keys(since: missed.since).map { replica.roster.keys(among: $0.union(changedKeys)) }
        return Flush.Resumption(diff: missed.diff, changedKeys: keys.map { Array($0) })
    }

    /// Whether subscribers that wait for a large state must wait longer, since slow readers hold too many already.
    private func isCrowded(_ makeRoom: () -> Bool) -> Bool {
        guard !audience.newSubscribers.isEmpty else { return false }
        let bytes = max(states.bytes, replica.roster.presenceCount * Self.leastBytesOfPresence)
        return bytes > Self.smallState && !makeRoom()
    }

    /// Whether a subscriber waits for room: only if it needs a new large frame, and at most for `roomWait`.
    private func mustWaitForRoom(
        _ new: NewSubscriber, resuming resumption: Flush.Resumption?, _ now: NIODeadline
    ) -> Bool {
        if now - new.since >= options.roomWait { return false }
        // The data of all entries is as large as a state.
        if let resumption {
            return resumption.changedKeys == nil && isEnriched && new.subscription.format.showsData
        }
        return new.isReturning && isEnriched || states[new.subscription.format] == nil
    }

    // MARK: Data of the fetch hook

    /// Has the hook fetch what the next flush will show, while this one still waits: its time counts from now.
    func prefetch(_ keys: () -> Set<Key>, _ actions: inout Actions) {
        guard flushing.pending != nil, audience.showsData else { return }
        let keys = Array(keys())
        if !keys.isEmpty { actions.append(.prefetch(keys)) }
    }

    /// Has the hook fetch the whole roster for a subscriber that came while a flush waits.
    mutating func prefetchRoster(_ actions: inout Actions) {
        guard flushing.pending != nil, !flushing.isRosterPrefetched else { return }
        flushing.isRosterPrefetched = true
        prefetch({ Set(replica.roster.keys) }, &actions)
    }

    mutating func dataChanged(_ keys: Set<Key>, _ actions: inout Actions) {
        guard isEnriched else { return }
        dataChanges.want(replica.roster.keys(among: keys))
        fetchChanged(&actions)
    }

    mutating func fetchChanged(_ actions: inout Actions) {
        if let keys = dataChanges.beginFetch() { actions.append(.fetchChanged(keys)) }
    }
}
