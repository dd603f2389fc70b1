// Rollcall · PresenceFeed

import Logging
import NIOCore
package import Presence
import PresenceStore

/// A node's live copy of one topic and its audience.
///
/// All state belongs to one event loop, chosen by the topic; the feed hops to each subscriber loop once per flush.
/// Messages move the replica, the replica's steps gather in the window, and a flush hands one diff to everybody and
/// the state to those who came meanwhile: so order is the order of commits, and a state is encoded once per flush
/// however many join.
package actor TopicFeed {
    package nonisolated let topic: Topic
    nonisolated let channel: String
    nonisolated let loop: any EventLoop
    private let options: FeedOptions
    private let encoder: FeedEncoder
    private let requestSnapshot: @Sendable (TopicFeed, Int) -> Void
    private let retire: @Sendable (TopicFeed) -> Void

    private var replica = TopicReplica()
    private var window: DiffWindow
    private var ring = DiffRing()
    private var flushTimer: Scheduled<Void>?

    private var audiences: [ObjectIdentifier: LoopAudience] = [:]
    private var formats: [FrameFormat: Int] = [:]
    private var watchers: [Member: [Subscription]] = [:]
    /// Those who have been told nothing yet; the next flush tells them.
    ///
    /// Bounded by the node's open streams.
    private var waiting: [Waiter] = []
    /// Everybody, waiting or told.
    private var everyone: Set<ObjectIdentifier> = []
    private var states: [FrameFormat: ByteBuffer] = [:]
    private var idleTimer: Scheduled<Void>?
    private var isRetired = false
    /// When the replica last ceased to be live, or the feed began; nil while it is live.
    private var silentSince: NIODeadline? = .now()
    private var isDegraded = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(
        topic: Topic, channel: String, loop: any EventLoop, options: FeedOptions, encoder: FeedEncoder,
        requestSnapshot: @escaping @Sendable (TopicFeed, Int) -> Void, retire: @escaping @Sendable (TopicFeed) -> Void
    ) {
        self.topic = topic
        self.channel = channel
        self.loop = loop
        self.options = options
        self.encoder = encoder
        self.requestSnapshot = requestSnapshot
        self.retire = retire
        window = DiffWindow(base: options.window)
        perform {
            $0.noteSilence()
            $0.retireWhenIdle()
        }
    }

    /// Runs on the feed's loop, in the order of calls from any one thread.
    nonisolated func perform(_ action: @escaping @Sendable (isolated TopicFeed) -> Void) {
        loop.execute { self.assumeIsolated(action) }
    }

    // MARK: What Redis says

    /// The subscription to the topic's channel is acknowledged: whatever is published from here on arrives.
    func acknowledged() { load() }

    func receive(_ payload: ByteBuffer, logger: Logger) {
        guard let message = FeedMessage(payload) else {
            logger.error("Refused a malformed presence message", metadata: ["bytes": "\(payload.readableBytes)"])
            return load()
        }
        advance(replica.receive(message))
    }

    /// Whether the snapshot asked for under `ticket` is still wanted.
    func awaits(_ ticket: Int) -> Bool { replica.isLoading && replica.loadTicket == ticket }

    func load(_ snapshot: Snapshot, ticket: Int) { advance(replica.load(snapshot, ticket: ticket)) }

    /// Whether the replica has come to a position of Redis'; true as well while no answer would mean anything.
    func hasCome(to position: Cursor) -> Bool { !replica.isLive || replica.hasCome(to: position) }

    /// Redis has something else than the replica, and no message says why.
    func resynchronise() {
        if replica.isLive { load() }
    }

    /// The connection that brings messages is gone.
    func detached() {
        replica.detach()
        noteSilence()
    }

    private func load() {
        replica.beginLoading()
        requestSnapshot(self, replica.loadTicket)
        noteSilence()
    }

    private func advance(_ outcome: TopicReplica.Outcome) {
        for step in outcome.steps {
            ring.append(step)
            window.add(step)
            if step.losesPresences { window.hold(until: .now() + options.reconcile) }
            if !watchers.isEmpty { tellWatchers(step) }
        }
        states.removeAll(keepingCapacity: true)
        if outcome.needsSnapshot { requestSnapshot(self, replica.loadTicket) }
        if replica.isLive { silentSince = nil } else { noteSilence() }
        flushWhenDue()
    }

    /// Tells everybody when the replica has not been live for longer than a blink.
    private func noteSilence() {
        let since = silentSince ?? .now()
        silentSince = since
        loop.scheduleTask(in: options.patience) {
            self.assumeIsolated {
                guard $0.silentSince == since, !$0.isDegraded else { return }
                $0.isDegraded = true
                $0.tellAll(.degraded(since: since))
            }
        }
    }

    private func tellWatchers(_ step: ReplicaStep) {
        for change in step.changes {
            for subscription in watchers[change.member] ?? [] {
                audience(of: subscription.loop).perform { $0.deliver(own: OwnChange(change), to: subscription) }
            }
        }
    }

    // MARK: The audience

    /// Takes a subscriber; false if the feed has retired and a new one is needed.
    func add(_ subscription: Subscription) -> Bool {
        guard !isRetired else { return false }
        // It may have ended while it looked for a feed that lives, and then nothing would remove it.
        guard !subscription.isEnded else { return true }
        idleTimer?.cancel()
        idleTimer = nil
        everyone.insert(ObjectIdentifier(subscription))
        formats[subscription.format, default: 0] += 1
        if let member = subscription.member { watchers[member, default: []].append(subscription) }
        waiting.append(Waiter(subscription: subscription))
        if isDegraded, let silentSince { tell(subscription, .degraded(since: silentSince)) }
        // Also when it is reached already: another epoch may begin before the next flush.
        if subscription.reaching != nil {
            loop.scheduleTask(in: options.arrival) { self.assumeIsolated { $0.stopWaiting(for: subscription) } }
        }
        flushWhenDue()
        return true
    }

    func remove(_ subscription: Subscription) {
        guard everyone.remove(ObjectIdentifier(subscription)) != nil else { return }
        formats[subscription.format, default: 1] -= 1
        if formats[subscription.format] == 0 { formats[subscription.format] = nil }
        if let member = subscription.member {
            watchers[member]?.removeAll { $0 === subscription }
            if watchers[member]?.isEmpty == true { watchers[member] = nil }
        }
        if let index = waitingIndex(of: subscription) {
            waiting.remove(at: index)
        } else {
            audience(of: subscription.loop).perform { $0.remove(subscription) }
        }
        if everyone.isEmpty { retireWhenIdle() }
    }

    /// Tells a subscriber that lost its queue the state, whatever cursor it came with.
    func restate(_ subscription: Subscription) {
        guard everyone.contains(ObjectIdentifier(subscription)) else { return }
        if let index = waitingIndex(of: subscription) {
            waiting[index].mayResume = false
            return
        }
        audience(of: subscription.loop).perform { $0.remove(subscription) }
        // Its own track it has been shown before.
        waiting.append(Waiter(subscription: subscription, mayResume: false, isPatient: false))
        flushWhenDue()
    }

    /// The replica as this node knows it; nil before its first snapshot.
    package func live() -> LiveRoster? {
        guard replica.isKnown else { return nil }
        return LiveRoster(cursor: replica.cursor, roster: replica.roster, isCurrent: replica.isLive)
    }

    /// The subscriber's own track should have arrived by now: its message may be lost.
    private func stopWaiting(for subscription: Subscription) {
        guard let index = waitingIndex(of: subscription) else { return }
        waiting[index].isPatient = false
        if let position = subscription.reaching, !hasReached(position) { resynchronise() }
        flushWhenDue()
    }

    private func waitingIndex(of subscription: Subscription) -> Int? {
        waiting.firstIndex { $0.subscription === subscription }
    }

    private func retireWhenIdle() {
        idleTimer?.cancel()
        idleTimer = loop.scheduleTask(in: options.linger) {
            self.assumeIsolated {
                guard $0.everyone.isEmpty else { return }
                $0.isRetired = true
                $0.flushTimer?.cancel()
                $0.retire(self)
            }
        }
    }

    private func hasReached(_ position: Cursor) -> Bool {
        replica.isLive && replica.cursor.epoch == position.epoch && replica.cursor.seq >= position.seq
    }

    private func audience(of loop: any EventLoop) -> LoopAudience {
        if let audience = audiences[ObjectIdentifier(loop)] { return audience }
        let audience = LoopAudience(loop: loop)
        audiences[ObjectIdentifier(loop)] = audience
        return audience
    }

    private func tell(_ subscription: Subscription, _ event: FeedEvent) {
        audience(of: subscription.loop).perform { _ in subscription.deliver(event) }
    }

    private func tellAll(_ event: FeedEvent) {
        for audience in audiences.values { audience.perform { $0.deliverToAll(event) } }
        for waiter in waiting { tell(waiter.subscription, event) }
    }

    /// A subscriber before its first event.
    private struct Waiter {
        let subscription: Subscription
        /// False after its queue was lost: only a state will do.
        var mayResume = true
        /// False once its own track is overdue: the next state serves it, whatever it shows.
        var isPatient = true
    }
}

// MARK: - Flushing

extension TopicFeed {
    private func flushWhenDue() {
        guard replica.isLive else { return }
        if window.isEmpty { return tellWaiting() }
        switch window.decision(at: .now()) {
        case .busy: break
        case .flush: flush()
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

    private func flush() {
        guard let batch = window.beginFlush(at: .now()) else { return }
        var frames: [FrameFormat: ByteBuffer] = [:]
        for format in formats.keys {
            frames[format] = encoder.diff(topic, batch.diff, replica.roster, batch.to, format)
        }
        let encoded = frames
        for audience in audiences.values { audience.perform { $0.deliver(encoded, at: batch.to) } }
        tellWaiting()
        endFlushWhenWritten()
    }

    /// Gives those who came since the last flush what they need: what they missed, or the state.
    private func tellWaiting() {
        var later: [Waiter] = []
        for waiter in waiting {
            let subscription = waiter.subscription
            if waiter.isPatient, let position = subscription.reaching, !hasReached(position) {
                later.append(waiter)
                continue
            }
            let event = firstEvent(for: waiter)
            // What its presence became while it waited. That it is gone may be a loss as well as a deletion: the lease
            // keeper finds out.
            let own = subscription.member.flatMap { replica.roster[$0] }.map(OwnChange.became)
            audience(of: subscription.loop).perform {
                $0.add(subscription, first: event)
                if let own { $0.deliver(own: own, to: subscription) }
            }
        }
        waiting = later
        if isDegraded {
            isDegraded = false
            tellAll(.recovered)
        }
    }

    private func firstEvent(for waiter: Waiter) -> FeedEvent {
        let format = waiter.subscription.format
        let cursor = replica.cursor
        if waiter.mayResume, let since = waiter.subscription.since, since != .empty {
            if since == cursor { return .resumed(nil, cursor) }
            if let missed = ring.changes(after: since) {
                return .resumed(encoder.diff(topic, missed, replica.roster, cursor, format), cursor)
            }
        }
        let bytes = states[format] ?? encoder.state(topic, replica.roster, cursor, format)
        states[format] = bytes
        return .state(bytes, cursor)
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
