// Rollcall · PresenceFeed

import NIOCore
import Presence

/// Flushing: changes of the window are enriched, encoded once a format, and sent to all subscribers.
extension TopicFeed {
    func flushWhenDue() {
        guard replica.isLive, !isFlushing else { return }
        guard !window.isEmpty || !renewals.ready.isEmpty else { return send(nil, isForAll: false) }
        switch window.decision(at: .now()) {
        case .busy: break
        case .flush where keepsLossesBack(): break
        case .flush:
            let batch = window.beginFlush(at: .now())
            window.startFlush(at: .now())
            send(batch, isForAll: true)
        case .wait(let deadline):
            guard flushTimer == nil else { return }
            flushTimer = loop.scheduleTask(deadline: deadline) {
                self.assumeIsolated {
                    $0.flushTimer = nil
                    $0.noteLateness(of: deadline)
                    $0.flushWhenDue()
                }
            }
        }
    }

    /// Sends a diff to all subscribers, and to new ones what they missed, or the state.
    ///
    /// While the fetch hook is awaited changes gather in the window, so that the order stays that of the commits.
    private func send(_ batch: DiffWindow.Batch?, isForAll: Bool) {
        if statesEnd <= .now() {
            states = [:]
            statesEnd = .distantFuture
        }
        let flush = begin(batch, isForAll: isForAll)
        let since = wantedSince ?? .now
        wantedSince = nil
        isRosterWanted = false
        guard let enricher, showsData else { return end(flush, .none) }
        let (shown, leaving) = flush.keys()
        if shown.isEmpty && leaving.isEmpty { return end(flush, .none) }
        if let extras = enricher.known(shown, leaving, topic) { return end(flush, extras) }
        isFlushing = true
        work.run { [topic] in
            let extras = await enricher.fetch(shown, leaving, topic, since)
            self.perform {
                $0.isFlushing = false
                // The wait for the hook must not widen the next window.
                if flush.isForAll { $0.window.startFlush(at: .now()) }
                $0.end(flush, extras, wasAwaited: true)
                $0.lastWords = [:]
                $0.hasRecoveredMeanwhile = false
                $0.flushWhenDue()
            }
        }
    }

    /// Has the hook fetch what the next flush will show, while this one still waits: its time counts from now.
    func prefetch(_ keys: @autoclosure () -> Set<Key>) {
        guard isFlushing, let enricher, showsData else { return }
        let keys = Array(keys())
        guard !keys.isEmpty, enricher.known(keys, [], topic) == nil else { return }
        let since = ContinuousClock.now
        wantedSince = wantedSince ?? since
        work.run { [topic] in _ = await enricher.fetch(keys, [], topic, since) }
    }

    /// Has the hook fetch the whole roster for a subscriber that came while a flush waits.
    func prefetchRoster() {
        guard isFlushing, !isRosterWanted else { return }
        isRosterWanted = true
        prefetch(Set(replica.roster.keys))
    }

    private var showsData: Bool { formats.keys.contains { $0.view == .full } }

    private func begin(_ batch: DiffWindow.Batch?, isForAll: Bool) -> Flush {
        var later: [Waiter] = []
        var arrivals: [Flush.Arrival] = []
        var resumptions: [Flush.Origin: Flush.Resumption] = [:]
        let renewed = replica.roster.keys(among: renewals.takeReady())
        if !renewed.isEmpty { states = [:] }
        let isCrowded = isCrowded()
        for waiter in waiting {
            let subscription = waiter.subscription
            if waiter.isPatient && isBehind(subscription) {
                later.append(waiter)
                continue
            }
            var origin: Flush.Origin?
            var missed: Flush.Resumption?
            if waiter.mayResume, let since = subscription.since, since != .empty {
                let place = Flush.Origin(
                    cursor: since, showsData: enricher != nil && subscription.format.view == .full)
                missed = resumptions[place] ?? resumption(from: place, renewing: renewed)
                if missed != nil { origin = place }
            }
            if isCrowded, mustWait(waiter, resuming: missed) {
                later.append(waiter)
                continue
            }
            if let origin { resumptions[origin] = missed }
            let isReturning = !waiter.mayResume || subscription.since.map { $0 != .empty } == true
            arrivals.append(Flush.Arrival(subscription: subscription, origin: origin, isReturning: isReturning))
        }
        waiting = later
        if isCrowded, !later.isEmpty { lookForRoomAgain() }
        return Flush(
            batch: batch, roster: replica.roster, cursor: replica.cursor, renewed: Array(renewed), arrivals: arrivals,
            resumptions: resumptions, states: states, isForAll: isForAll)
    }

    /// Whether those who wait for a large state must wait on, since slow readers hold too many already.
    private func isCrowded() -> Bool {
        guard !waiting.isEmpty else { return false }
        let bytes = max(stateBytes, replica.roster.presenceCount * Self.leastBytesOfPresence)
        return bytes > Self.smallState && !options.makeRoom()
    }

    /// States up to this size are always made: most fit into the kernel's buffers.
    private static let smallState = 64 << 10
    private static let leastBytesOfPresence = 64

    /// Whether a subscriber waits for room: not for what it missed, for a state that is there already, or for too long.
    private func mustWait(_ waiter: Waiter, resuming resumption: Flush.Resumption?) -> Bool {
        if NIODeadline.now() - waiter.since >= options.roomPatience { return false }
        let subscription = waiter.subscription
        // A renewal of all entries is as large as a state.
        if let resumption { return resumption.renewed == nil && enricher != nil && subscription.format.view == .full }
        let isReturning = !waiter.mayResume || subscription.since.map { $0 != .empty } == true
        return isReturning && enricher != nil || states[subscription.format] == nil
    }

    private func lookForRoomAgain() {
        guard roomTimer == nil else { return }
        roomTimer = loop.scheduleTask(in: options.roomCheck) {
            self.assumeIsolated {
                $0.roomTimer = nil
                $0.flushWhenDue()
            }
        }
    }

    /// What streams have missed since they stood somewhere; nil if that is not known.
    ///
    /// - Parameter renewed: Keys that the same flush sends to all other subscribers.
    private func resumption(from origin: Flush.Origin, renewing renewed: Set<Key>) -> Flush.Resumption? {
        guard let missed = ring.missed(after: origin.cursor, until: replica.cursor) else { return nil }
        guard origin.showsData else { return Flush.Resumption(diff: missed.diff, renewed: []) }
        let keys = dataChangeLog.keys(since: missed.since).map { replica.roster.keys(among: $0.union(renewed)) }
        return Flush.Resumption(diff: missed.diff, renewed: keys.map { Array($0) })
    }

    private func end(_ flush: Flush, _ extras: EnrichmentFields, wasAwaited: Bool = false) {
        let enriched = EnrichedRoster(topic: topic, cursor: flush.cursor, roster: flush.roster, extras: extras)
        if let batch = flush.batch {
            let frames = frames { encoder.diff(batch.diff, enriched, $0) }
            for audience in audiences.values { audience.perform { $0.deliver(frames, at: batch.to) } }
        }
        let renewed = flush.renewed.filter { !extras.incomplete.contains($0) }
        if !renewed.isEmpty {
            dataChangeLog.append(renewed, at: .now())
            countKept()
            let frames = frames { encoder.renewal(renewed, enriched, $0) }
            for audience in audiences.values { audience.perform { $0.deliver(renewals: frames) } }
        }
        welcome(flush, enriched, wasAwaited: wasAwaited)
        recover()
        if flush.isForAll { endFlushWhenWritten() }
    }

    private func frames(_ encode: (FrameFormat) -> ByteBuffer?) -> [FrameFormat: ByteBuffer] {
        var frames: [FrameFormat: ByteBuffer] = [:]
        for format in formats.keys { frames[format] = encode(format) }
        return frames
    }

    /// Gives those who arrived their first event, encoded once for all who need the same.
    private func welcome(_ flush: Flush, _ enriched: EnrichedRoster, wasAwaited: Bool) {
        var states = flush.states
        var resumed: [FrameFormat: [Flush.Origin: [FeedEvent]]] = [:]
        var wholeRoster: [FrameFormat: ByteBuffer?] = [:]
        func renewal(of keys: [Key]?, _ format: FrameFormat) -> ByteBuffer? {
            if enricher == nil || format.view != .full || keys?.isEmpty == true { return nil }
            if let keys { return encoder.renewal(keys, enriched, format) }
            let frame = wholeRoster[format] ?? encoder.renewal(Array(enriched.roster.keys), enriched, format)
            wholeRoster[format] = .some(frame)
            return frame
        }
        // Meanwhile one may have ended, or lost its queue and wait again.
        let again = wasAwaited ? Set(waiting.map { ObjectIdentifier($0.subscription) }) : []
        for arrival in flush.arrivals {
            let subscription = arrival.subscription
            let id = ObjectIdentifier(subscription)
            guard everyone.contains(id), !again.contains(id) else { continue }
            let format = subscription.format
            var events: [FeedEvent] = []
            if let origin = arrival.origin, let resumption = flush.resumptions[origin] {
                events = resumed[format]?[origin] ?? []
                if events.isEmpty {
                    let missed = resumption.diff.isEmpty ? nil : encoder.diff(resumption.diff, enriched, format)
                    events.append(.resumed(missed, enriched.cursor))
                    if let frame = renewal(of: resumption.renewed, format) { events.append(.renewed(frame)) }
                    resumed[format, default: [:]][origin] = events
                }
            } else {
                let state = states[format] ?? encoder.state(enriched, format)
                if states[format] == nil { stateBytes = max(stateBytes / 2, state.readableBytes) }
                states[format] = state
                events.append(.state(state, enriched.cursor))
                if arrival.isReturning, !enriched.roster.isEmpty, let frame = renewal(of: nil, format) {
                    events.append(.renewed(frame))
                }
            }
            if wasAwaited, isDegraded, let silentSince {
                events.append(.degraded(since: silentSince))
            } else if hasRecoveredMeanwhile {
                events.append(.recovered)
            }
            // What its presence became while it waited. That it is gone may be a loss as well as a deletion: the lease
            // keeper finds out, unless it is known.
            let own = lastWords[id] ?? subscription.member.flatMap { replica.roster[$0] }.map(OwnChange.became)
            if let own { events.append(.own(own)) }
            audience(of: subscription.loop).perform { [events] in $0.add(subscription, events) }
        }
        // One that was overtaken while the hook was awaited serves only those it was made for.
        if enriched.cursor == replica.cursor, states.count > flush.states.count {
            self.states = states
            if enricher != nil { statesEnd = min(statesEnd, .now() + options.enrichedStates) }
        }
    }

    /// The flush ends when the last subscriber loop has written it: what that took sets the width of the next window.
    private func endFlushWhenWritten() {
        let written = audiences.values.map { $0.loop.submit {} }
        EventLoopFuture.andAllComplete(written, on: loop).whenComplete { _ in
            self.assumeIsolated {
                $0.window.endFlush(at: .now())
                $0.flushWhenDue()
            }
        }
    }
}
