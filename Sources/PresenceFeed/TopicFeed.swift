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
    let options: FeedOptions
    let encoder: FeedEncoder
    /// Nil where the fetch hook adds nothing.
    let enricher: EnrichmentSource?
    let work: FeedWork
    private let requestSnapshot: @Sendable (TopicFeed, Int) -> Void
    private let retire: @Sendable (TopicFeed) -> Void

    private(set) var replica = TopicReplica()
    var window: DiffWindow
    private(set) var ring = ReplayRing()
    /// What the ring and the renewal log take of the node's budget, as counted last.
    private var keptBytes = 0
    private var refusals = MalformedMessages()
    var flushTimer: Scheduled<Void>?
    /// Nil while no losses are kept back.
    var reconciliation: Reconciliation?
    /// What Redis lost and is to be given back before the next snapshot; bounded by the members of the topic.
    var restorable: [Member: StoredPresence] = [:]
    /// Whether a flush awaits what it is to be enriched with; the next begins when it has ended.
    var isFlushing = false
    /// Whether the outage has ended while a flush waits for the hook: its arrivals are in no audience yet.
    var hasRecoveredMeanwhile = false
    /// Since when a change waits for the next flush, while this one waits for the hook; nil if none does.
    var wantedSince: ContinuousClock.Instant?
    /// Whether the next flush shows the whole roster.
    var isRosterWanted = false
    /// What was last said of the presences of those who are about to be told their first event.
    var lastWords: [ObjectIdentifier: OwnChange] = [:]
    var renewals = DataChanges()
    var dataChangeLog: DataChangeLog

    private(set) var audiences: [ObjectIdentifier: LoopAudience] = [:]
    private(set) var formats: [FrameFormat: Int] = [:]
    private var watchers: [Member: [Subscription]] = [:]
    /// Those who have been told nothing yet; the next flush tells them.
    ///
    /// Bounded by the node's open streams.
    var waiting: [Waiter] = []
    /// Everybody, waiting or told.
    private(set) var everyone: Set<ObjectIdentifier> = []
    var states: [FrameFormat: ByteBuffer] = [:]
    /// Bytes of the largest state that was made last.
    var stateBytes = 0
    /// Runs while subscribers wait until there is room for their state.
    var roomTimer: Scheduled<Void>?
    /// Until when a state that the hook enriched may be told: its data is kept for a while, and then asked for again.
    var statesEnd = NIODeadline.distantFuture
    private var idleTimer: Scheduled<Void>?
    private(set) var isRetired = false
    /// Whether Redis answers no commands: what nodes and owners do waits for its return.
    private(set) var isAway = false
    /// Since when the replica is not live, or Redis away; the feed begins so.
    private(set) var silentSince: NIODeadline? = .now()
    var isDegraded = false

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(
        topic: Topic, channel: String, loop: any EventLoop, options: FeedOptions, encoder: FeedEncoder,
        enricher: EnrichmentSource, work: FeedWork, requestSnapshot: @escaping @Sendable (TopicFeed, Int) -> Void,
        retire: @escaping @Sendable (TopicFeed) -> Void
    ) {
        self.topic = topic
        self.channel = channel
        self.loop = loop
        self.options = options
        self.encoder = encoder
        self.enricher = enricher.applies(topic) ? enricher : nil
        self.work = work
        self.requestSnapshot = requestSnapshot
        self.retire = retire
        window = DiffWindow(base: options.window)
        dataChangeLog = DataChangeLog(slack: options.dataChangeSlack)
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
        guard let message = FeedMessage(payload) else { return refuse(payload, logger) }
        advance(replica.receive(message))
    }

    private func refuse(_ payload: ByteBuffer, _ logger: Logger) {
        let reaction = refusals.add(at: .now())
        if let count = reaction.logged {
            logger.error(
                "feed: malformed presence messages refused",
                metadata: ["topic": "\(topic)", "bytes": "\(payload.readableBytes)", "messages": "\(count)"])
        }
        // A snapshot that is on its way shows what the message may have held, or the next message shows a gap.
        if reaction.loads, replica.isLive { load() }
    }

    /// Whether the snapshot asked for under `ticket` is still wanted.
    func awaits(_ ticket: Int) -> Bool { replica.isLoading && replica.loadTicket == ticket }

    func load(_ snapshot: Snapshot, ticket: Int) {
        let silence = silentSince.map { NIODeadline.now() - $0 } ?? .zero
        advance(replica.load(snapshot, ticket: ticket, after: silence))
    }

    /// Whether the replica has come to a position of Redis'; true as well while no answer would mean anything.
    func hasReached(to position: Cursor) -> Bool { !replica.isLive || replica.hasReached(to: position) }

    /// Redis has something else than the replica, and no message says why.
    func reload() {
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
            ring.append(step, at: .now())
            window.add(step)
            // Whoever came back has been put back; should they leave again, they have left.
            if !restorable.isEmpty { for change in step.changes { restorable[change.member] = nil } }
            if step.losesPresences {
                keepLossesBack()
                restoreSoon(step.restorable)
            }
            if !watchers.isEmpty { tellWatchers(step) }
            prefetch(Set(step.changes.lazy.filter { $0.after != nil }.map(\.member.key)))
        }
        if !outcome.steps.isEmpty { countKept() }
        if replica.isKnown { dataChangeLog.begin(at: .now()) }
        states.removeAll(keepingCapacity: true)
        if outcome.needsSnapshot { requestSnapshot(self, replica.loadTicket) }
        if isCurrent { silentSince = nil } else { noteSilence() }
        flushWhenDue()
    }

    /// Whether what is shown is what Redis holds, as far as anybody can know.
    private var isCurrent: Bool { replica.isLive && !isAway }

    /// Redis answers no commands any more, though its messages may still come.
    func redisWent() {
        isAway = true
        noteSilence()
    }

    /// Redis answers again; only now can nodes put back what it lost before.
    func redisCame() {
        // The pool says so of each of its connections.
        guard isAway else { return }
        isAway = false
        if reconciliation != nil {
            keepLossesBack()
            flushWhenDue()
        }
        guard isCurrent else { return }
        silentSince = nil
        recover()
    }

    /// Tells everybody that what is shown is current again.
    func recover() {
        guard isDegraded, isCurrent, reconciliation == nil else { return }
        isDegraded = false
        hasRecoveredMeanwhile = isFlushing
        tellAll(.recovered)
    }

    /// Tells everybody when what is shown has not been current for longer than a blink.
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
                if isFlushing { lastWords[ObjectIdentifier(subscription)] = OwnChange(change) }
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
        if subscription.reaching != nil || subscription.since.map({ $0 != .empty }) == true {
            loop.scheduleTask(in: options.arrival) { self.assumeIsolated { $0.stopWaiting(for: subscription) } }
        }
        if subscription.format.view == .full { prefetchRoster() }
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
        if let index = waitingIndex(of: subscription) { waiting.remove(at: index) }
        audience(of: subscription.loop).perform { $0.remove(subscription) }
        if everyone.isEmpty { retireWhenIdle() }
    }

    /// Tells a subscriber that lost its queue the state, whatever cursor it came with.
    func requestState(_ subscription: Subscription) {
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
        return LiveRoster(cursor: replica.cursor, roster: replica.roster)
    }

    /// What the subscriber has done or seen should have arrived by now: its message may be lost.
    func stopWaiting(for subscription: Subscription) {
        guard let index = waitingIndex(of: subscription) else { return }
        waiting[index].isPatient = false
        if isBehind(subscription) { reload() }
        flushWhenDue()
    }

    func waitingIndex(of subscription: Subscription) -> Int? {
        waiting.firstIndex { $0.subscription === subscription }
    }

    /// Counts what the topic keeps for streams that come back, and keeps to the bound of all topics.
    func countKept() {
        let bytes = isRetired ? 0 : ring.bytes + dataChangeLog.bytes
        let share = options.replay.change(from: keptBytes, to: bytes)
        keptBytes = bytes
        if share != nil { keepToShare() }
    }

    /// Forgets the oldest of what is kept beyond the topic's share of the node's budget.
    func keepToShare() {
        guard keptBytes > options.replay.share else { return }
        dataChangeLog.trim(toBytes: options.replay.share / 4)
        ring.trim(toBytes: options.replay.share - dataChangeLog.bytes)
        countKept()
    }

    private func retireWhenIdle() {
        idleTimer?.cancel()
        let isMemorable = isMemorable
        idleTimer = loop.scheduleTask(in: isMemorable ? options.linger : min(options.emptyLinger, options.linger)) {
            self.assumeIsolated {
                guard $0.everyone.isEmpty else { return }
                // Its first presence may have come meanwhile, and the stream that it is bound to is about to follow.
                if $0.isMemorable, !isMemorable { $0.retireWhenIdle() } else { $0.retireIfIdle() }
            }
        }
    }

    /// Whether a stream that comes back could have missed anything.
    private var isMemorable: Bool { !replica.roster.isEmpty || ring.bytes > 0 }

    /// Ends the feed, unless a stream follows it.
    func retireIfIdle() {
        guard everyone.isEmpty, !isRetired else { return }
        isRetired = true
        idleTimer?.cancel()
        flushTimer?.cancel()
        roomTimer?.cancel()
        ring.clear()
        dataChangeLog.trim(toBytes: 0)
        countKept()
        retire(self)
    }

    /// Whether a state of the replica would take from the subscriber what it has: its own track, or what a node that was
    /// told sooner has told it.
    func isBehind(_ subscription: Subscription) -> Bool {
        if let position = subscription.reaching, !hasReached(position) { return true }
        guard let since = subscription.since else { return false }
        return since.epoch == replica.cursor.epoch && since.seq > replica.cursor.seq
    }

    private func hasReached(_ position: Cursor) -> Bool {
        replica.isLive && replica.cursor.epoch == position.epoch && replica.cursor.seq >= position.seq
    }

    func audience(of loop: any EventLoop) -> LoopAudience {
        if let audience = audiences[ObjectIdentifier(loop)] { return audience }
        let audience = LoopAudience(loop: loop)
        audiences[ObjectIdentifier(loop)] = audience
        return audience
    }

    private func tell(_ subscription: Subscription, _ event: FeedEvent) {
        audience(of: subscription.loop).perform { _ in subscription.deliver(event) }
    }

    func tellAll(_ event: FeedEvent) {
        for audience in audiences.values { audience.perform { $0.deliverToAll(event) } }
        for waiter in waiting { tell(waiter.subscription, event) }
    }
}
