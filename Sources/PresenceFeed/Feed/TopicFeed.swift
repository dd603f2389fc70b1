// Rollcall · PresenceFeed

import Logging
import Metrics
import NIOCore
package import PresenceModel
import PresenceStore

/// Runs the feed of one topic: hands events to ``FeedState`` and performs the actions that it returns.
///
/// All of it runs on one event loop, so that messages, subscribers and timers have one order. Messages arrive on the
/// loop of the connection that brings them, and hop to this one.
package actor TopicFeed {
    private static let encodedDiffs = Counter(label: "rollcall_diffs_encoded_total")

    package nonisolated let topic: Topic
    nonisolated let channel: String
    nonisolated let loop: any EventLoop
    private let enricher: EnrichmentSource
    private let work: FeedWork
    private let logger: Logger
    private let requestSnapshot: @Sendable (TopicFeed, Int) -> Void
    private let retire: @Sendable (TopicFeed) -> Void

    private var state: FeedState
    private var audiences = LoopAudiences()
    private var idleTimer: Scheduled<Void>?
    /// Bytes that the topic keeps for streams that resume.
    private var kept: KeptBytes

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(
        topic: Topic, channel: String, loop: any EventLoop, options: FeedOptions, replay: ReplayBudget,
        enricher: EnrichmentSource, work: FeedWork, logger: Logger,
        requestSnapshot: @escaping @Sendable (TopicFeed, Int) -> Void, retire: @escaping @Sendable (TopicFeed) -> Void
    ) {
        self.topic = topic
        self.channel = channel
        self.loop = loop
        kept = KeptBytes(of: replay)
        self.enricher = enricher
        self.work = work
        self.logger = logger
        self.requestSnapshot = requestSnapshot
        self.retire = retire
        state = FeedState(topic: topic, options: options, isEnriched: enricher.applies(topic), at: .now())
        perform { $0.run($0.state.start(at: .now())) }
    }

    /// Handles an event on the feed's loop, in the order of calls from any one thread.
    nonisolated func post(_ event: FeedState.Event) { perform { $0.handle(event) } }

    /// Runs on the feed's loop, in the order of calls from any one thread.
    nonisolated func perform(_ action: @escaping @Sendable (isolated TopicFeed) -> Void) {
        loop.execute { self.assumeIsolated(action) }
    }

    func receive(_ payload: ByteBuffer) {
        if let message = FeedMessage(payload) { handle(.message(message)) } else { handle(.malformed) }
    }

    /// Takes a subscriber; false if the feed has retired and a new one is needed.
    func add(_ subscription: Subscription) -> Bool {
        if state.isRetired { return false }
        // It may have ended while it looked for a feed that lives, and then nothing would remove it.
        if !subscription.isEnded { handle(.subscribe(subscription)) }
        return true
    }

    func handle(_ event: consuming FeedState.Event) {
        run(state.handle(event, at: .now(), makeRoom: state.options.makeRoom))
    }

    /// The replica as this node knows it; nil before its first snapshot.
    package func live() -> LiveRoster? { state.live }

    var missing: [(member: Member, stored: StoredPresence)] { state.missing }

    func awaits(_ ticket: Int) -> Bool { state.awaits(ticket) }

    func hasReached(_ position: Cursor) -> Bool { state.hasReached(position) }

    private func run(_ actions: FeedState.Actions) {
        var answers: [FeedState.Event] = []
        actions.forEach { perform($0, &answers) }
        if let share = kept.count(state.keptBytes) { handle(.keepToShare(share)) }
        for answer in answers { handle(answer) }
    }

    private func perform(_ action: FeedState.Action, _ answers: inout [FeedState.Event]) {
        switch action {
        case .logMalformed(let count):
            logger.error(
                "feeds: malformed presence messages refused", metadata: ["topic": "\(topic)", "messages": "\(count)"])
        case .requestSnapshot(let ticket): requestSnapshot(self, ticket)
        case .enrich(let shown, let leaving, let since):
            fetch(shown, leaving, since: since, &answers) { .enriched($0, wasAwaited: $1) }
        case .prefetch(let keys):
            guard enricher.known(keys, [], topic) == nil else { return }
            answers.append(.prefetchBegan)
            work.run { [enricher, topic] in _ = await enricher.fetch(keys, [], topic, .now) }
        case .fetchChanged(let keys):
            fetch(keys, [], since: .now(), &answers) { fields, _ in .changedDataFetched(keys, fields) }
        case .deliver(let delivery):
            let frames = delivery.encode()
            if let diffs = frames.diff { Self.encodedDiffs.increment(by: diffs.count) }
            audiences.deliver(delivery, frames)
            if !frames.states.isEmpty || state.flushing.isFlushDue {
                answers.append(.delivered(frames.states, version: delivery.flush.states.version))
            }
            guard delivery.flush.isForAll else { return }
            // The time that a flush takes sets the width of the next window.
            guard !audiences.isEmpty else { return answers.append(.written) }
            audiences.allWritten(on: loop).whenComplete { _ in self.assumeIsolated { $0.handle(.written) } }
        case .notifyAll(let event, let new):
            audiences.forEach { $0.deliverToAll(event) }
            for subscription in new { audiences[subscription].perform { _ in subscription.deliver(event) } }
        case .notify(let subscription, let event):
            audiences[subscription].perform { _ in subscription.deliver(event) }
        case .notifyOwn(let subscription, let change):
            audiences[subscription].perform { $0.deliver(own: change, to: subscription) }
        case .remove(let subscription): audiences[subscription].perform { $0.remove(subscription) }
        case .schedule(let timer, let deadline): schedule(timer, at: deadline)
        case .scheduleRestore(let time):
            schedule(.restore, at: .now() + .nanoseconds(.random(in: 0...time.nanoseconds)))
        case .cancelIdleTimer:
            idleTimer?.cancel()
            idleTimer = nil
        case .retire: retire(self)
        }
    }

    /// Answers at once with the data that the fetch hook knows, or posts the fetched data later.
    private func fetch(
        _ shown: [Key], _ leaving: [Key], since: NIODeadline, _ answers: inout [FeedState.Event],
        answer: @escaping @Sendable (_ fields: EnrichmentFields, _ wasAwaited: Bool) -> FeedState.Event
    ) {
        if let fields = enricher.known(shown, leaving, topic) { return answers.append(answer(fields, false)) }
        let wantedSince = ContinuousClock.now - .nanoseconds((NIODeadline.now() - since).nanoseconds)
        work.run { [enricher, topic] in
            self.post(answer(await enricher.fetch(shown, leaving, topic, wantedSince), true))
        }
    }

    private func schedule(_ timer: FeedState.Timer, at deadline: NIODeadline) {
        let scheduled = loop.scheduleTask(deadline: deadline) { self.assumeIsolated { $0.handle(.timer(timer)) } }
        if case .idle = timer { idleTimer = scheduled }
    }
}
