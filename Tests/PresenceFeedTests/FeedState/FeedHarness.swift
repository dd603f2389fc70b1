// Rollcall · PresenceFeedTests

import NIOCore
import NIOPosix
import PresenceModel
import PresenceStore
import PresenceText

@testable import PresenceFeed

/// Drives a ``FeedState`` without I/O: the clock, Redis, the fetch hook and the clients are the test's.
///
/// Actions are performed as ``TopicFeed`` performs them.
final class FeedHarness {
    static let topic = (try? Topic("room")) ?? { fatalError("not a topic") }()

    private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private(set) var state: FeedState
    private var timers: [(at: NIODeadline, timer: FeedState.Timer)] = []
    private var idleTimer: NIODeadline?
    /// Snapshots that were asked for and are not loaded yet.
    private(set) var tickets: [Int] = []
    /// Keys that a flush waits for.
    private(set) var awaited: (shown: [Key], leaving: [Key], since: NIODeadline)?
    /// Changed data that is being fetched, one set at a time.
    private(set) var fetching: [Key]?
    private(set) var prefetched: [[Key]] = []
    private(set) var logged: [Int] = []
    private(set) var isRetired = false
    private(set) var clients: [Client] = []
    /// States that were encoded.
    private(set) var encodedStates = 0
    /// The names of all actions since the last ``takeActions()``.
    private var names: [String] = []
    /// Whether the hook answers at once; else the test answers.
    var isHookAtOnce = true
    /// Whether the test reports when a flush is written.
    var isWritingSlow = false
    var hasRoom = true
    /// What requests for snapshots get at once; nil where the test answers.
    var redis: Snapshot?

    init(isEnriched: Bool = false, options: FeedOptions = FeedOptions()) {
        state = FeedState(topic: Self.topic, options: options, isEnriched: isEnriched, at: now)
        // Time passes between the two, as between a thread and an event loop.
        now = now + .nanoseconds(1)
        perform(state.start(at: now))
    }

    /// A feed that is live at a cursor.
    convenience init(
        live cursor: Cursor, _ presences: [String: Presence] = [:], isEnriched: Bool = false,
        options: FeedOptions = FeedOptions()
    ) {
        self.init(isEnriched: isEnriched, options: options)
        post(.acknowledged)
        load(cursor, presences)
    }

    var pendingTimers: [NIODeadline] { timers.map(\.at) + (idleTimer.map { [$0] } ?? []) }

    func takeActions() -> [String] {
        defer { names = [] }
        return names
    }

    func post(_ event: FeedState.Event) {
        let hasRoom = hasRoom
        perform(state.handle(event, at: now, makeRoom: { hasRoom }))
    }

    /// Answers the newest request for a snapshot; does nothing if there is none.
    func load(_ cursor: Cursor, _ presences: [String: Presence] = [:]) {
        load(Fixture.snapshot(cursor, presences))
    }

    func load(_ snapshot: Snapshot) {
        guard let ticket = tickets.last else { return }
        tickets = []
        post(.snapshot(snapshot, ticket: ticket))
    }

    func receive(_ message: FeedMessage) { post(.message(message)) }

    /// Answers what a flush waits for.
    func answerHook(_ fields: EnrichmentFields = .none) {
        guard awaited != nil else { return }
        awaited = nil
        post(.enriched(fields, wasAwaited: true))
    }

    func answerFetch(_ fields: EnrichmentFields = .none) {
        guard let keys = fetching else { return }
        fetching = nil
        post(.changedDataFetched(keys, fields))
    }

    func connect(
        since: Cursor? = nil, reaching: Cursor? = nil, as member: Member? = nil, view: View = .full,
        keeping roster: Set<String>? = nil, check: ((Client) -> Void)? = nil
    ) -> Client {
        let client = Client()
        client.roster = roster
        client.cursor = since ?? .empty
        client.check = check
        client.subscription = Subscription(
            topic: Self.topic, format: FrameFormat(view: view), loop: MultiThreadedEventLoopGroup.singleton.next(),
            since: since, reaching: reaching, member: member, deliver: { _ in }, onStateRequest: { _ in },
            onEnd: { _ in })
        clients.append(client)
        post(.subscribe(client.subscription))
        return client
    }

    func end(_ client: Client) {
        post(.unsubscribe(client.subscription))
        clients.removeAll { $0 === client }
    }

    /// Lets time pass, and fires the timers that are due in their order.
    func advance(by amount: TimeAmount) {
        let end = now + amount
        while let next = pendingTimers.min(), next <= end {
            now = max(now, next)
            if idleTimer == next {
                idleTimer = nil
                post(.timer(.idle))
            } else if let index = timers.firstIndex(where: { $0.at == next }) {
                post(.timer(timers.remove(at: index).timer))
            }
        }
        now = end
    }

    /// The node stands still: time passes, and every timer fires late.
    func stall(for amount: TimeAmount) {
        now = now + amount
        advance(by: .zero)
    }

    private func perform(_ actions: FeedState.Actions) {
        var answers: [FeedState.Event] = []
        actions.forEach { action in
            names.append(name(of: action))
            perform(action, &answers)
        }
        for answer in answers { post(answer) }
    }

    private func perform(_ action: FeedState.Action, _ answers: inout [FeedState.Event]) {
        switch action {
        case .logMalformed(let count): logged.append(count)
        case .requestSnapshot(let ticket):
            if let redis { answers.append(.snapshot(redis, ticket: ticket)) } else { tickets = [ticket] }
        case .enrich(let shown, let leaving, let since):
            if isHookAtOnce {
                answers.append(.enriched(.none, wasAwaited: false))
            } else {
                awaited = (shown, leaving, since)
            }
        case .prefetch(let keys):
            prefetched.append(keys)
            answers.append(.prefetchBegan)
        case .fetchChanged(let keys):
            if isHookAtOnce { answers.append(.changedDataFetched(keys, .none)) } else { fetching = keys }
        case .deliver(let delivery): deliver(delivery, &answers)
        case .notifyAll(let event, let new):
            for client in clients where client.isInAudience { client.take(event) }
            for subscription in new { client(subscription)?.take(event) }
        case .notify(let subscription, let event): client(subscription)?.take(event)
        case .notifyOwn(let subscription, let change):
            if let client = client(subscription), client.isInAudience { client.take(.own(change)) }
        case .remove(let subscription): client(subscription)?.isInAudience = false
        case .schedule(.idle, let deadline): idleTimer = deadline
        case .schedule(let timer, let deadline): timers.append((deadline, timer))
        case .scheduleRestore(let time): timers.append((now + .nanoseconds(time.nanoseconds / 2), .restore))
        case .cancelIdleTimer: idleTimer = nil
        case .retire: isRetired = true
        }
    }

    private func deliver(_ delivery: Delivery, _ answers: inout [FeedState.Event]) {
        let frames = delivery.encode()
        for client in clients where client.isInAudience {
            let format = client.subscription.format
            if let batch = delivery.flush.batch { client.take(.diff(frames.diff?[format], batch.to)) }
            if let frame = frames.dataChange?[format] { client.take(.dataChanged(frame)) }
        }
        for (first, events) in zip(delivery.firstEvents, frames.firstEvents) {
            guard let client = client(first.arrival.subscription) else { continue }
            client.isInAudience = true
            for event in events { client.take(event) }
        }
        encodedStates += frames.states.count
        if !frames.states.isEmpty || state.flushing.isFlushDue {
            answers.append(.delivered(frames.states, version: delivery.flush.states.version))
        }
        if delivery.flush.isForAll, !isWritingSlow { answers.append(.written) }
    }

    private func client(_ subscription: Subscription) -> Client? { clients.first { $0.subscription === subscription } }

    private func name(of action: FeedState.Action) -> String {
        switch action {
        case .logMalformed: "log"
        case .requestSnapshot: "requestSnapshot"
        case .enrich: "enrich"
        case .prefetch: "prefetch"
        case .fetchChanged: "fetchChanged"
        case .deliver: "deliver"
        case .notifyAll(let event, _): "all \(event)".split(separator: "(").first.map(String.init) ?? ""
        case .notify: "notify"
        case .notifyOwn: "own"
        case .remove: "remove"
        case .schedule(let timer, _): "schedule \(timer)".split(separator: "(").first.map(String.init) ?? ""
        case .scheduleRestore: "scheduleRestore"
        case .cancelIdleTimer: "cancelIdle"
        case .retire: "retire"
        }
    }
}

/// A client that writes down its events as words, and folds them into a roster.
final class Client {
    var subscription: Subscription!
    private(set) var words: [String] = []
    fileprivate(set) var cursor = Cursor.empty
    /// Keys that are present, as the client knows; nil before its first event, unless it comes back.
    fileprivate(set) var roster: Set<String>?
    fileprivate(set) var isInAudience = false
    /// Called after each event.
    fileprivate var check: ((Client) -> Void)?

    fileprivate func take(_ event: FeedEvent) {
        switch event {
        case .state(let frame, let cursor):
            let word = PresenceFeedTests.words(of: frame)
            words.append(word)
            roster = Set(Self.keys(of: word))
            self.cursor = cursor
        case .diff(let frame, let cursor), .resumed(let frame, let cursor):
            let word = frame.map(PresenceFeedTests.words)
            if case .resumed = event { words.append(["resumed", word].compactMap(\.self).joined(separator: " ")) }
            if case .diff = event, let word { words.append(word) }
            fold(word)
            self.cursor = cursor
        case .dataChanged(let frame): words.append(PresenceFeedTests.words(of: frame))
        case .own(.became): words.append("own changed")
        case .own(.left(let reason)): words.append("own left:\(reason.rawValue)")
        case .degraded: words.append("degraded")
        case .recovered: words.append("recovered")
        }
        check?(self)
    }

    private func fold(_ diff: String?) {
        for word in diff?.split(separator: " ").dropFirst() ?? [] {
            let key = String(word.dropFirst().split(separator: ":")[0].split(separator: "=")[0]).replacing(
                "!", with: "")
            switch word.first {
            case "+": roster?.insert(key)
            case "-": roster?.remove(key)
            default: break
            }
        }
    }

    private static func keys(of state: String) -> [String] {
        state.split(separator: " ").dropFirst().map { String($0.split(separator: "=")[0]).replacing("!", with: "") }
    }
}
