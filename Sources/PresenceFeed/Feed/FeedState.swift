// Rollcall · PresenceFeed

import NIOCore
import PresenceModel
import PresenceStore
import PresenceText

/// One topic's feed as a pure state machine: events in, actions out, time passed in.
///
/// Five parts have states of their own: the copy of the topic (``TopicReplica``), the window that gathers changes
/// (``DiffWindow``), a flush that waits for the fetch hook (`Flushing`), losses that are delayed (`LossDelay`), and
/// whether subscribers see what Redis holds (`Currency`). A feed without subscribers retires after a while; a retired
/// feed does nothing.
struct FeedState: Sendable {
    enum Event: Sendable {
        /// The subscription to the topic's channel is acknowledged: every later message arrives.
        case acknowledged
        case message(FeedMessage)
        /// A message on the topic's channel that cannot be read.
        case malformed
        case snapshot(Snapshot, ticket: Int)
        /// Redis has another position than the replica, and no message explains it.
        case positionDiffers
        /// The connection that brings messages is lost.
        case disconnected
        /// Redis answers no commands, though its messages may still come.
        case redisLost
        /// Redis answers again; only now can nodes restore presences that it lost.
        case redisReturned

        case subscribe(Subscription)
        case unsubscribe(Subscription)
        /// The subscriber dropped its queue and needs a state; its cursor no longer counts.
        case requestState(Subscription)

        /// The answer to ``Action/enrich(shown:leaving:since:)``.
        case enriched(EnrichmentFields, wasAwaited: Bool)
        /// A fetch that ``Action/prefetch(_:)`` asked for has begun.
        case prefetchBegan
        /// The data of keys changed at its source.
        case dataChanged(Set<Key>)
        /// The answer to ``Action/fetchChanged(_:)``.
        case changedDataFetched([Key], EnrichmentFields)

        /// The answer to ``Action/deliver(_:)``: the states that it encoded, and the version of the cache that lacked
        /// them.
        case delivered([FrameFormat: ByteBuffer], version: Int)
        /// The last event loop of the audience has written the flush.
        case written
        case timer(Timer)
        /// The bytes that the topic may keep for streams that resume.
        case keepToShare(Int)
        /// The node needs room for other topics.
        case retireIfIdle
    }

    enum Timer: Sendable {
        case flush
        /// The subscriber's own track, or what it saw on another node, is overdue.
        case cursor(Subscription)
        case degraded(since: NIODeadline)
        /// Nodes had time to restore lost presences, and owners to track again.
        case losses(until: NIODeadline)
        /// This node restores lost presences with the next snapshot.
        case restore
        case room
        case idle
    }

    /// An action that ``TopicFeed`` performs, in the given order.
    enum Action: Sendable {
        case logMalformed(messages: Int)
        case requestSnapshot(ticket: Int)
        /// Answered with `.enriched`.
        case enrich(shown: [Key], leaving: [Key], since: NIODeadline)
        /// Keys that the next flush will show, while this one waits; answered with `.prefetchBegan` if they are not
        /// known.
        case prefetch([Key])
        /// Answered with `.changedDataFetched`.
        case fetchChanged([Key])
        /// Answered with `.delivered` if states were encoded or a flush became due, and with `.written` if the flush is
        /// for all.
        case deliver(Delivery)
        /// An event for all subscribers.
        case notifyAll(FeedEvent, new: [Subscription])
        case notify(Subscription, FeedEvent)
        /// A change of its own presence, for a subscriber that had its first event.
        case notifyOwn(Subscription, OwnChange)
        /// Removes the subscriber from the audience, which then sends it no further events.
        case remove(Subscription)
        case schedule(Timer, at: NIODeadline)
        /// Schedules `.restore` at a random time within this.
        case scheduleRestore(within: TimeAmount)
        case cancelIdleTimer
        case retire
    }

    let options: FeedOptions
    let topic: Topic
    /// Whether the fetch hook adds anything on this topic.
    let isEnriched: Bool
    var replica = TopicReplica()
    var window: DiffWindow
    var ring = ReplayRing()
    var dataChanges = DataChanges()
    var dataChangeLog: DataChangeLog
    var audience = Audience()
    var states = StateCache()
    var flushing = Flushing()
    var lossDelay = LossDelay.none
    /// The lost presences that this node restores before the next snapshot; bounded by the members of the topic.
    var restorable: [Member: StoredPresence] = [:]
    var currency: Currency
    /// Since when the replica is not live, or Redis away; nil while neither is so.
    var notCurrentSince: NIODeadline?
    /// Whether Redis answers no commands.
    var isAway = false
    var isRetired = false
    var malformed = MalformedMessages()
    var hasFlushTimer = false
    var hasRoomTimer = false
    /// Whether a stream could have missed a change when the idle timer was set.
    var couldMiss = false

    init(topic: Topic, options: FeedOptions, isEnriched: Bool, at now: NIODeadline) {
        self.topic = topic
        self.options = options
        self.isEnriched = isEnriched
        window = DiffWindow(base: options.diffWindow)
        dataChangeLog = DataChangeLog(slack: options.dataChangeSlack)
        currency = .stale(since: now)
        notCurrentSince = now
    }

    /// The actions that begin the feed's life.
    mutating func start(at now: NIODeadline) -> Actions {
        var actions = Actions()
        if let notCurrentSince { scheduleDegraded(since: notCurrentSince, &actions) }
        scheduleIdleTimer(now, &actions)
        return actions
    }

    /// Takes an event.
    ///
    /// - Parameter makeRoom: Whether another large state may be made; asked at most once.
    mutating func handle(
        _ event: consuming Event, at now: NIODeadline, makeRoom: () -> Bool = { true }
    ) -> Actions {
        guard !isRetired else { return Actions() }
        var actions = Actions()
        switch event {
        case .message(let message): advance(replica.receive(message), now, &actions)
        case .acknowledged: load(now, &actions)
        case .malformed:
            refuse(now, &actions)
            return actions
        case .snapshot(let snapshot, let ticket):
            let silence = notCurrentSince.map { now - $0 } ?? .zero
            advance(replica.load(snapshot, ticket: ticket, after: silence), now, &actions)
        case .positionDiffers: reload(now, &actions)
        case .disconnected:
            replica.detach()
            becomeStale(now, &actions)
            return actions
        case .redisLost:
            isAway = true
            becomeStale(now, &actions)
            return actions
        case .redisReturned: redisReturned(now, &actions)
        case .subscribe(let subscription): subscribe(subscription, now, &actions)
        case .unsubscribe(let subscription):
            unsubscribe(subscription, now, &actions)
            return actions
        case .requestState(let subscription): requestState(subscription, now, &actions)
        case .enriched(let fields, let wasAwaited):
            if endEnrichment(fields, wasAwaited, now, &actions) { return actions }
        case .prefetchBegan:
            flushing.prefetchBegan(at: now)
            return actions
        case .dataChanged(let keys):
            dataChanged(keys, &actions)
            return actions
        case .changedDataFetched(let keys, let fields):
            dataChanges.endFetch(keys, fields)
            fetchChanged(&actions)
        case .delivered(let frames, let version):
            cacheStates(frames, version, now)
            guard flushing.isFlushDue else { return actions }
        case .written: window.endFlush(at: now)
        case .timer(let timer): handle(timer, now, &actions)
        case .keepToShare(let share):
            trim(toShare: share)
            return actions
        case .retireIfIdle:
            retireIfIdle(&actions)
            return actions
        }
        if !isRetired { flushIfDue(now, &actions, makeRoom) }
        return actions
    }
}

extension FeedState {
    /// Actions in their order.
    ///
    /// Most events have one at most, which takes no allocation.
    struct Actions: Sendable {
        private var first: Action?
        private var rest: [Action] = []

        mutating func append(_ action: Action) {
            if first == nil { first = action } else { rest.append(action) }
        }

        func forEach(_ body: (Action) -> Void) {
            if let first { body(first) }
            for action in rest { body(action) }
        }
    }
}
