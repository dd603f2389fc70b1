// Rollcall · PresenceServer

import Access
import Foundation
import NIOCore
import PresenceModel
import PresenceFeed
import PresenceStore
import PresenceText

/// One open stream: sends events to its client in order, and bounds the frames that wait for a slow client.
///
/// It runs on the event loop of the client's connection. It ends exactly once, with a reason.
actor EventStream {
    nonisolated let loop: any EventLoop
    private let topics: [Topic]
    private let format: FrameFormat
    /// The random part of its ids, if it was opened with a ticket.
    private let tag: String?
    /// Whether the client gets the events of its topics; if not, only those of its own presence.
    private let seesTopic: Bool
    private let options: StreamOptions
    /// The node's budget for frames that wait for slow readers.
    private let budget: QueueBudget

    private var connection: StreamConnection?
    private var queue: StreamQueue
    private var cursors: [Cursor]
    /// Topics with dropped events, by index: the client gets no diff of them before their next state.
    private var awaitingState: Set<Int> = []
    /// Whether the stream must request those states, once its queue is empty and the connection writable.
    private var mustRequestStates = false
    /// Degraded topics, by index: the stream sends `degraded` at the first one, and `recovered` when none is left.
    private var degradedTopics: Set<Int> = []
    private var subscriptions: [Subscription] = []
    private var stuckReader = StuckReader()
    private var credential: StreamCredential?
    /// Makes the event `error` that is sent before the stream ends with its credential.
    private var errorFrame: (@Sendable (Problem) -> ByteBuffer)?
    private var reason: StreamEnd?
    private var onEnd: [@Sendable (StreamEnd) -> Void] = []
    private var onSettled: [@Sendable () -> Void] = []
    /// Completes when the socket is closed, which is after `end`.
    private(set) var closed: EventLoopFuture<Void>?
    /// The task that tracks the stream's presence, while it runs.
    private(set) var tracking: Task<Void, Never>?
    /// Called on the loop for each change of the stream's own presence.
    private var onOwnChange: (@Sendable (OwnChange) -> Void)?

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(request: StreamRequest, loop: any EventLoop, options: StreamOptions, budget: QueueBudget) {
        self.loop = loop
        self.budget = budget
        topics = request.topics
        format = request.format
        tag = request.ticket?.tag
        seesTopic = request.seesTopic
        cursors = request.since
        self.options = options
        queue = StreamQueue(slowReaderBytes: options.slowReaderBytes, slowReaderAge: options.slowReaderAge)
    }

    // MARK: Begin and end

    /// Takes over a connection: from here on only the stream writes to it.
    ///
    /// - Parameter onUnboundedSilence: Called when `TCP_USER_TIMEOUT` cannot be set: vanished clients are found late.
    /// - Throws: If the connection is closed.
    func begin(on channel: any Channel, isChunked: Bool, onUnboundedSilence: (any Error) -> Void) throws {
        let connection = StreamConnection(
            stream: .events(self), budget: budget, isChunked: isChunked, sendsDirectly: options.sendsDirectly)
        try connection.add(to: channel.pipeline.syncOperations)
        try channel.syncOptions?.setOption(.autoRead, value: false)
        connection.readOn()
        self.connection = connection
        closed = channel.closeFuture
        do { try channel.setStuckReaderTimeout(options.stuckReaderAge) } catch { onUnboundedSilence(error) }
        if !connection.isWritable { unwritable() }
    }

    /// Starts the task that tracks the stream's presence, unless the stream has ended.
    func track(_ operation: @escaping @Sendable (isolated EventStream) async -> Void) {
        guard reason == nil else { return }
        tracking = Task {
            await operation(self)
            tracking = nil
            settle()
        }
    }

    /// Subscribes to its topics, unless it has ended.
    ///
    /// - Parameter reaching: The cursor of the stream's own track, which the first state must include.
    func subscribe(
        to hub: FeedHub, as member: Member? = nil, reaching: Cursor? = nil,
        onOwnChange: (@Sendable (OwnChange) -> Void)? = nil
    ) {
        guard reason == nil else { return }
        self.onOwnChange = onOwnChange
        subscriptions = topics.indices.map { index in
            hub.subscribe(
                to: topics[index], format: format, since: cursors[index], reaching: reaching, member: member, on: loop
            ) { event in
                self.assumeIsolated { $0.receive(event, ofTopic: index) }
            }
        }
    }

    /// Ends the stream, with `event: end` for a client that takes it at once; only the first call has an effect.
    func end(_ reason: StreamEnd) {
        guard self.reason == nil else { return }
        // First of all: a write that fails ends the stream again, from within.
        self.reason = reason
        if reason != .clientGone, let connection, connection.isWritable, queue.isEmpty {
            connection.write(StreamFrames.end(reason))
        }
        stuckReader.stop()
        for subscription in subscriptions { subscription.end() }
        subscriptions = []
        onOwnChange = nil
        queue.clear()
        connection?.finish()
        connection = nil
        for action in onEnd { action(reason) }
        onEnd = []
        settle()
    }

    private func settle() {
        guard reason != nil, tracking == nil else { return }
        for action in onSettled { action() }
        onSettled = []
    }

    var isEnded: Bool { reason != nil }

    /// Calls `action` on the loop when the stream ends, or at once if it has ended.
    func whenEnded(_ action: @escaping @Sendable (StreamEnd) -> Void) {
        if let reason { action(reason) } else { onEnd.append(action) }
    }

    /// Calls `action` on the loop when the stream has ended and its track is over, or at once if both have happened.
    func whenSettled(_ action: @escaping @Sendable () -> Void) {
        onSettled.append(action)
        settle()
    }

    // MARK: Events to the client

    /// Writes the head of the response and the first bytes of its body, before any event.
    func open(with opening: ByteBuffer) { connection?.writeBytes(opening) }

    /// Sends an event about the stream itself, such as `tracked`.
    func send(_ frame: ByteBuffer) { write(frame, as: .notice) }

    /// Sends `degraded`, or `recovered` for nil, on a stream of one topic; only at a change.
    func setDegraded(since: NIODeadline?) { receive(since.map(FeedEvent.degraded) ?? .recovered, ofTopic: 0) }

    /// Sends a ping, unless other bytes wait.
    func ping() {
        guard let connection, connection.isWritable, queue.isEmpty else { return }
        connection.write(StreamFrames.ping)
    }

    private func receive(_ event: FeedEvent, ofTopic index: Int) {
        guard reason == nil else { return }
        if !seesTopic {
            if case .own(let change) = event { onOwnChange?(change) }
            return
        }
        switch event {
        case .state(let frame, let cursor):
            awaitingState.remove(index)
            sendTopicEvent(frame, at: cursor, ofTopic: index, as: .state)
        case .diff(let frame, let cursor):
            sendTopicEvent(frame, at: cursor, ofTopic: index)
        case .resumed(let frame, let cursor):
            var notice = EventFrame()
            notice.comment("\(topics[index].text), resumed")
            send(notice.chunk())
            sendTopicEvent(frame, at: cursor, ofTopic: index)
        case .dataChanged(let frame):
            // It moves no cursor and has no `id`; a client that misses it gets the data when it resumes.
            if !awaitingState.contains(index) { write(frame, as: .diff) }
        case .own(let change):
            onOwnChange?(change)
        case .degraded(let since):
            if degradedTopics.isEmpty { send(StreamFrames.degraded(since: since)) }
            degradedTopics.insert(index)
        case .recovered:
            if degradedTopics.remove(index) != nil, degradedTopics.isEmpty { send(StreamFrames.recovered) }
        }
    }

    private func sendTopicEvent(
        _ frame: ByteBuffer?, at cursor: Cursor, ofTopic index: Int, as kind: StreamQueue.Kind = .diff
    ) {
        guard awaitingState.isEmpty || !awaitingState.contains(index) else { return }
        // A frame with an `id` contains the cursor.
        if !format.hasID { cursors[index] = cursor }
        guard let frame else { return }
        if format.hasID { return write(frame, as: kind) }
        write(StreamFrame(head: StreamFrames.id(of: cursors, tag: tag), frame), as: kind)
    }

    private func write(_ frame: ByteBuffer, as kind: StreamQueue.Kind) {
        guard let connection else { return }
        if connection.isWritable, queue.isEmpty { return connection.write(frame) }
        write(StreamFrame(frame), as: kind)
    }

    private func write(_ frame: StreamFrame, as kind: StreamQueue.Kind) {
        guard let connection else { return }
        if connection.isWritable, queue.isEmpty { return connection.write(frame) }
        let offer = queue.offer(
            frame, as: kind, isWritable: connection.isWritable, isBudgetFull: budget.isFull, at: .now(),
            hold: budget.hold(frame.event, for: .stream(.events(self))))
        switch offer {
        case .write: connection.write(frame)
        case .queued: break
        case .lost:
            awaitingState = Set(topics.indices)
            // The client has not got the dropped events, so no `id` may contain a cursor after them.
            cursors = cursors.map { _ in .empty }
            mustRequestStates = true
        }
    }

    // MARK: The end of the credential

    /// Keeps the credential that the stream lasts as long as.
    ///
    /// - Parameter errorFrame: Makes the event `error` that is sent before the stream ends with it.
    func follow(_ credential: StreamCredential, errorFrame: @escaping @Sendable (Problem) -> ByteBuffer) {
        self.credential = credential
        self.errorFrame = errorFrame
    }

    /// The time, in seconds since 1970, at which ``passCredentialTime()`` must be called; nil if never.
    var nextCredentialTime: Double? { isEnded ? nil : credential?.nextStep }

    /// Announces the end of the credential, or ends the stream with it.
    func passCredentialTime() {
        guard !isEnded else { return }
        switch credential?.step() {
        case .announce(let end): send(StreamFrames.expiring(at: end))
        case .end: expire()
        case nil: break
        }
    }

    /// Ends the stream if its credential has ended.
    func endIfExpired(at now: Double) {
        guard !isEnded, credential?.hasEnded(at: now) == true else { return }
        expire()
    }

    /// Ends the stream if the key behind its credential is retired.
    func endUnlessHeld(by credentials: Credentials) {
        guard !isEnded, let credential else { return }
        if !credentials.holds(credential.caller, at: Date().timeIntervalSince1970) { expire() }
    }

    /// Ends the stream if revocations refuse its credential, or its user on one of its topics.
    func end(refusedBy revocations: Revocations, at now: Double) {
        guard !isEnded, let credential,
            let refusal = revocations.refusal(of: credential.caller, on: topics, at: now)
        else { return }
        let problem = Problem(refusal)
        sendError(problem)
        end(problem.kind == .removed ? .removed : .revoked)
    }

    private func expire() {
        sendError(.tokenExpired)
        end(.tokenExpired)
    }

    private func sendError(_ problem: Problem) {
        if let errorFrame { send(errorFrame(problem)) }
    }

    // MARK: Events of the connection

    func writable() {
        stuckReader.stop()
        guard let connection else { return }
        while connection.isWritable, let frame = queue.next() { connection.write(frame) }
        if mustRequestStates, queue.isEmpty, connection.isWritable {
            mustRequestStates = false
            for subscription in subscriptions { subscription.requestState() }
        }
    }

    func unwritable() {
        guard reason == nil else { return }
        stuckReader.watch(connection?.unreadBytes ?? 0, for: options.stuckReaderAge, on: loop) {
            self.assumeIsolated { $0.checkReader() }
        }
    }

    private func checkReader() {
        if stuckReader.isStuck(connection?.unreadBytes) { end(.unread) } else { unwritable() }
    }
}
