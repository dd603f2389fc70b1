// Rollcall · PresenceFeed

import NIOCore
import Presence

/// Flushing: what has gathered is enriched, encoded once a format, and handed to everybody.
extension TopicFeed {
    func flushWhenDue() {
        guard replica.isLive, !isTelling else { return }
        guard !window.isEmpty || !renewals.ready.isEmpty else { return tell(nil) }
        switch window.decision(at: .now()) {
        case .busy: break
        case .flush: tell(window.beginFlush(at: .now()))
        case .wait(let deadline):
            guard flushTimer == nil else { return }
            flushTimer = loop.scheduleTask(deadline: deadline) {
                self.assumeIsolated {
                    $0.flushTimer = nil
                    $0.flushWhenDue()
                }
            }
        }
    }

    /// Tells everybody a diff, and those who came since the last one what they need: what they missed, or the state.
    ///
    /// While the fetch hook is awaited changes gather in the window, so that the order stays that of the commits.
    private func tell(_ batch: DiffWindow.Batch?) {
        if statesEnd <= .now() {
            states = [:]
            statesEnd = .distantFuture
        }
        let telling = begin(batch)
        guard let enricher, formats.keys.contains(where: { $0.view == .full }) else { return end(telling, .none) }
        renewals.isWanted = true
        let makesState = telling.arrivals.contains {
            $0.missed == nil && $0.subscription.format.view == .full && telling.states[$0.subscription.format] == nil
        }
        let (shown, leaving) = telling.keys(wholeRoster: makesState)
        if shown.isEmpty && leaving.isEmpty { return end(telling, .none) }
        if let extras = enricher.known(shown, leaving, topic) {
            renewals.told(shown, extras)
            return end(telling, extras)
        }
        isTelling = true
        Task {
            let extras = await enricher.fetch(shown, leaving, topic)
            perform {
                $0.isTelling = false
                // Waiting for the hook is no cost of telling.
                if telling.batch != nil { $0.window.restartFlush(at: .now()) }
                $0.renewals.told(shown, extras)
                $0.end(telling, extras)
                $0.flushWhenDue()
            }
        }
    }

    private func begin(_ batch: DiffWindow.Batch?) -> Telling {
        var later: [Waiter] = []
        var arrivals: [Telling.Arrival] = []
        for waiter in waiting {
            if waiter.isPatient, let position = waiter.subscription.reaching, !hasReached(position) {
                later.append(waiter)
            } else {
                arrivals.append(arrival(of: waiter))
            }
        }
        waiting = later
        let renewed = renewals.takeReady().filter { replica.roster.entry(for: $0) != nil }
        if !renewed.isEmpty { states = [:] }
        return Telling(
            batch: batch, roster: replica.roster, cursor: replica.cursor, renewed: Array(renewed), arrivals: arrivals,
            states: states)
    }

    private func arrival(of waiter: Waiter) -> Telling.Arrival {
        if waiter.mayResume, let since = waiter.subscription.since, since != .empty,
            let missed = ring.missed(after: since, until: replica.cursor),
            let renewed = renewals.log.keys(since: missed.since)
        {
            let present = renewed.filter { replica.roster.entry(for: $0) != nil }
            return Telling.Arrival(subscription: waiter.subscription, missed: missed.diff, renewed: Array(present))
        }
        return Telling.Arrival(subscription: waiter.subscription, missed: nil, renewed: [])
    }

    private func end(_ telling: Telling, _ extras: Extras) {
        let told = EnrichedRoster(topic: topic, cursor: telling.cursor, roster: telling.roster, extras: extras)
        if let batch = telling.batch {
            let frames = frames { encoder.diff(batch.diff, told, $0) }
            for audience in audiences.values { audience.perform { $0.deliver(frames, at: batch.to) } }
        }
        let renewed = telling.renewed.filter { !extras.incomplete.contains($0) }
        if !renewed.isEmpty {
            renewals.log.append(renewed, at: .now())
            let frames = frames { encoder.renewal(renewed, told, $0) }
            for audience in audiences.values { audience.perform { $0.deliver(renewals: frames) } }
        }
        var states = telling.states
        for arrival in telling.arrivals { welcome(arrival, told, &states) }
        // One that was overtaken while the hook was awaited, or that lacks data, serves only those it was made for.
        if told.cursor == replica.cursor, extras.incomplete.isEmpty, states.count > telling.states.count {
            self.states = states
            if enricher != nil { statesEnd = min(statesEnd, .now() + options.enrichedStates) }
        }
        if isDegraded, replica.isLive {
            isDegraded = false
            tellAll(.recovered)
        }
        if telling.batch != nil { endFlushWhenWritten() }
        askAgain()
    }

    private func frames(_ encode: (FrameFormat) -> ByteBuffer?) -> [FrameFormat: ByteBuffer] {
        var frames: [FrameFormat: ByteBuffer] = [:]
        for format in formats.keys { frames[format] = encode(format) }
        return frames
    }

    private func welcome(
        _ arrival: Telling.Arrival, _ told: EnrichedRoster, _ states: inout [FrameFormat: ByteBuffer]
    ) {
        let subscription = arrival.subscription
        // It may have ended while the hook was awaited.
        guard everyone.contains(ObjectIdentifier(subscription)) else { return }
        let format = subscription.format
        let first: FeedEvent
        var renewal: ByteBuffer?
        if let missed = arrival.missed {
            first = .resumed(missed.isEmpty ? nil : encoder.diff(missed, told, format), told.cursor)
            renewal = arrival.renewed.isEmpty ? nil : encoder.renewal(arrival.renewed, told, format)
        } else {
            let state = states[format] ?? encoder.state(told, format)
            states[format] = state
            first = .state(state, told.cursor)
        }
        // What its presence became while it waited. That it is gone may be a loss as well as a deletion: the lease
        // keeper finds out.
        let own = subscription.member.flatMap { replica.roster[$0] }.map(OwnChange.became)
        audience(of: subscription.loop).perform { [renewal] in
            $0.add(subscription, first: first)
            if let renewal { subscription.deliver(.renewed(renewal)) }
            if let own { $0.deliver(own: own, to: subscription) }
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
