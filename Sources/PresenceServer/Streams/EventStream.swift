// Rollcall · PresenceServer

import NIOCore
import Presence
import PresenceFeed

/// One open stream: what its client is told, in order, and what becomes of a client that does not keep up.
///
/// All of it happens on the event loop of the client's connection. A stream ends exactly once, with a reason.
actor EventStream {
    nonisolated let loop: any EventLoop
    private let topics: [Topic]
    private let format: FrameFormat
    private let options: StreamOptions
    /// The node's budget for what waits for slow readers.
    private let queue: QueueBudget

    private var connection: StreamConnection?
    private var backlog: StreamQueue
    private var cursors: [Cursor]
    /// Topics whose queue was lost: nothing is told of them before their next state.
    private var owed: Set<Int> = []
    /// Whether those states are still to be asked for: when the client can take them, since none is kept for it.
    private var mustRestate = false
    /// Topics that Redis is out of reach for: the client is told of the first and of the last one's return.
    private var silent: Set<Int> = []
    private var subscriptions: [Subscription] = []
    private var stall: Scheduled<Void>?
    /// What the client had not acknowledged when the stall timer was set.
    private var unread = 0
    private var reason: StreamEnd?
    private var onEnd: [@Sendable (StreamEnd) -> Void] = []
    /// When the socket is closed, which is after the end.
    private(set) var closed: EventLoopFuture<Void>?
    /// The stream becoming a presence, while it does.
    private(set) var tracking: Task<Void, Never>?
    /// Called on the loop for each change of the presence that the stream is.
    private var onOwnChange: (@Sendable (OwnChange) -> Void)?

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(request: StreamRequest, loop: any EventLoop, options: StreamOptions, queue: QueueBudget) {
        self.loop = loop
        self.queue = queue
        topics = request.topics
        format = request.format
        cursors = request.since
        self.options = options
        backlog = StreamQueue(slowReaderBytes: options.slowReaderBytes, slowReaderAge: options.slowReaderAge)
    }

    // MARK: Beginning and end

    /// Begins on a connection that nothing else writes to from here on.
    ///
    /// - Parameter onUnboundedSilence: Called when the kernel cannot be asked to give up a client that vanishes.
    /// - Throws: When the connection is closed already.
    func begin(on channel: any Channel, isChunked: Bool, onUnboundedSilence: (any Error) -> Void) throws {
        let connection = StreamConnection(stream: self, queue: queue, isChunked: isChunked)
        try channel.pipeline.syncOperations.addHandler(connection, position: .first)
        try channel.syncOptions?.setOption(.autoRead, value: false)
        self.connection = connection
        closed = channel.closeFuture
        do { try setStuckReaderTimeout(of: channel) } catch { onUnboundedSilence(error) }
        if !connection.isWritable { unwritable() }
    }

    /// Has the stream become a presence, unless it has ended.
    func track(_ operation: @escaping @Sendable (isolated EventStream) async -> Void) {
        guard reason == nil else { return }
        tracking = Task {
            await operation(self)
            tracking = nil
        }
    }

    /// Joins the audience of its topics.
    ///
    /// - Parameter reaching: The position of the stream's own track, which the first state must show.
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

    /// Ends the stream; the first reason counts.
    func end(_ reason: StreamEnd) {
        guard self.reason == nil else { return }
        self.reason = reason
        stall?.cancel()
        for subscription in subscriptions { subscription.end() }
        subscriptions = []
        onOwnChange = nil
        backlog.clear()
        connection?.finish()
        connection = nil
        for action in onEnd { action(reason) }
        onEnd = []
    }

    var isEnded: Bool { reason != nil }

    /// Has `action` called on the loop when the stream ends, or at once if it has.
    func whenEnded(_ action: @escaping @Sendable (StreamEnd) -> Void) {
        if let reason { action(reason) } else { onEnd.append(action) }
    }

    // MARK: What the client is told

    /// Writes the head of the answer and its first bytes, before anything else.
    func open(with opening: ByteBuffer) { connection?.writeBytes(opening) }

    /// Writes an event of the stream's own, such as `tracked`.
    func tell(_ frame: ByteBuffer) { write(frame, as: .notice) }

    /// Tells, of a stream of one topic, that Redis is out of reach, or is no more.
    func setAway(since: NIODeadline?) { receive(since.map(FeedEvent.degraded) ?? .recovered, ofTopic: 0) }

    /// Shows that the connection lives, unless other bytes are on their way.
    func ping() {
        guard let connection, connection.isWritable, backlog.isEmpty else { return }
        connection.write(StreamFrames.ping)
    }

    private func receive(_ event: FeedEvent, ofTopic index: Int) {
        guard reason == nil else { return }
        switch event {
        case .state(let frame, let cursor):
            owed.remove(index)
            tell(frame, at: cursor, ofTopic: index, as: .state)
        case .diff(let frame, let cursor):
            tell(frame, at: cursor, ofTopic: index)
        case .resumed(let frame, let cursor):
            var notice = EventFrame()
            notice.comment("\(topics[index].text), resumed")
            tell(notice.chunk())
            tell(frame, at: cursor, ofTopic: index)
        case .dataChanged(let frame):
            // No cursor moves, so none is added: what a stream misses of these it is told when it comes back.
            if !owed.contains(index) { write(frame, as: .diff) }
        case .own(let change):
            onOwnChange?(change)
        case .degraded(let since):
            if silent.isEmpty { tell(StreamFrames.degraded(since: since)) }
            silent.insert(index)
        case .recovered:
            if silent.remove(index) != nil, silent.isEmpty { tell(StreamFrames.recovered) }
        }
    }

    private func tell(_ frame: ByteBuffer?, at cursor: Cursor, ofTopic index: Int, as kind: StreamQueue.Kind = .diff) {
        guard owed.isEmpty || !owed.contains(index) else { return }
        // A frame of one topic has its cursor in it.
        if format.isWrapped { cursors[index] = cursor }
        guard let frame else { return }
        guard format.isWrapped else { return write(frame, as: kind) }
        write(StreamFrame(id: StreamFrames.id(of: cursors), frame), as: kind)
    }

    private func write(_ frame: ByteBuffer, as kind: StreamQueue.Kind) {
        guard let connection else { return }
        if connection.isWritable, backlog.isEmpty { return connection.write(frame) }
        write(StreamFrame(frame), as: kind)
    }

    private func write(_ frame: StreamFrame, as kind: StreamQueue.Kind) {
        guard let connection else { return }
        if connection.isWritable, backlog.isEmpty { return connection.write(frame) }
        let verdict = backlog.offer(
            frame, as: kind, isWritable: connection.isWritable, isBudgetFull: queue.isFull, at: .now(),
            hold: queue.hold(frame.event, for: .stream(self)))
        switch verdict {
        case .write: connection.write(frame)
        case .queued: break
        case .lost:
            owed = Set(topics.indices)
            // Positions whose events were dropped were never reached.
            cursors = cursors.map { _ in .empty }
            mustRestate = true
        }
    }

    // MARK: What the connection says

    func writable() {
        stall?.cancel()
        stall = nil
        guard let connection else { return }
        while connection.isWritable, let frame = backlog.next() { connection.write(frame) }
        if mustRestate, backlog.isEmpty, connection.isWritable {
            mustRestate = false
            for subscription in subscriptions { subscription.requestState() }
        }
    }

    func unwritable() {
        guard stall == nil, reason == nil else { return }
        unread = connection?.unreadBytes ?? 0
        stall = loop.scheduleTask(in: options.stuckReaderAge) {
            self.assumeIsolated {
                $0.stall = nil
                // A client that is slow but reads is not cut off in the middle of a large state.
                if let now = $0.connection?.unreadBytes, now < $0.unread { $0.unwritable() } else { $0.end(.unread) }
            }
        }
    }

    /// Has the kernel give up a client that acknowledges nothing: one that vanished without a word, or never reads.
    ///
    /// Without it, small pings fill the socket's buffer for a quarter of an hour before anybody notices.
    ///
    /// - Throws: When the kernel refuses; then its own time-out ends such a connection, after a quarter of an hour.
    private func setStuckReaderTimeout(of channel: any Channel) throws {
        #if os(Linux)
            let option = ChannelOptions.Types.SocketOption(level: .tcp, name: .tcpUserTimeout)
            try channel.syncOptions?.setOption(option, value: Int(options.stuckReaderAge.nanoseconds / 1_000_000))
        #endif
    }
}

#if os(Linux)
    extension NIOBSDSocket.Option {
        /// `TCP_USER_TIMEOUT` of linux/tcp.h, which Glibc's module lacks.
        fileprivate static let tcpUserTimeout = NIOBSDSocket.Option(rawValue: 18)
    }
#endif
