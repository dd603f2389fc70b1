// Rollcall · PresenceServer

import NIOCore
import Presence
import PresenceFeed

/// One open stream: what its client is told, in order, and what becomes of a client that does not keep up.
///
/// All of it happens on the event loop of the client's connection. A stream ends exactly once, with a reason, and
/// whoever runs its response waits for that.
actor EventStream {
    private let topics: [Topic]
    private let format: FrameFormat
    private let options: StreamOptions
    private let channel: any Channel

    private var handler: StreamChannelHandler?
    private var backlog: StreamBacklog
    private var cursors: [Cursor]
    /// Topics whose queue was lost: nothing is told of them before their next state.
    private var owed: Set<Int> = []
    private var subscriptions: [Subscription] = []
    private var stall: Scheduled<Void>?
    private var reason: StreamEnd?
    private var onEnd: CheckedContinuation<StreamEnd, Never>?
    /// Called on the loop for each change of the presence that the stream is.
    private var onOwnChange: (@Sendable (Change) -> Void)?

    nonisolated var loop: any EventLoop { channel.eventLoop }
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(request: StreamRequest, channel: any Channel, options: StreamOptions) {
        topics = request.topics
        format = request.format
        cursors = request.since
        self.channel = channel
        self.options = options
        backlog = StreamBacklog(maximumBytes: options.maximumBacklog, maximumAge: options.maximumLag)
    }

    // MARK: Beginning and end

    /// Takes over the connection, whose response head and first bytes have been written.
    func open() {
        guard channel.isActive else { return end(.clientGone) }
        let handler = StreamChannelHandler(stream: self)
        do {
            try channel.pipeline.syncOperations.addHandler(handler, position: .first)
            self.handler = handler
        } catch {
            end(.clientGone)
        }
    }

    /// Joins the audience of its topics.
    ///
    /// - Parameter reaching: The position of the stream's own track, which the first state must show.
    func subscribe(
        to hub: FeedHub, as member: Member? = nil, reaching: Cursor? = nil,
        onOwnChange: (@Sendable (Change) -> Void)? = nil
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
        if let handler {
            self.handler = nil
            if reason == .unread { handler.close() }
            channel.pipeline.syncOperations.removeHandler(handler, promise: nil)
        }
        onEnd?.resume(returning: reason)
        onEnd = nil
    }

    var isEnded: Bool { reason != nil }

    /// Waits for the end.
    ///
    /// Called once.
    func ended() async -> StreamEnd {
        if let reason { return reason }
        return await withCheckedContinuation { onEnd = $0 }
    }

    // MARK: What the client is told

    /// Writes an event of the stream's own, such as `tracked`.
    func tell(_ frame: ByteBuffer) { write(frame) }

    private func receive(_ event: FeedEvent, ofTopic index: Int) {
        guard reason == nil else { return }
        switch event {
        case .state(let frame, let cursor):
            owed.remove(index)
            tell(frame, at: cursor, ofTopic: index, isState: true)
        case .diff(let frame, let cursor):
            tell(frame, at: cursor, ofTopic: index)
        case .resumed(let frame, let cursor):
            var notice = EventFrame()
            notice.comment("\(topics[index].text), resumed")
            write(notice.chunk())
            tell(frame, at: cursor, ofTopic: index)
        case .own(let change):
            onOwnChange?(change)
        case .degraded(let since):
            write(StreamFrames.degraded(since: since))
        case .recovered:
            write(StreamFrames.recovered)
        }
    }

    private func tell(_ frame: ByteBuffer?, at cursor: Cursor, ofTopic index: Int, isState: Bool = false) {
        guard !owed.contains(index) else { return }
        cursors[index] = cursor
        guard let frame else { return }
        guard format.isWrapped else { return write(frame, isState: isState) }
        var numbered = StreamFrames.id(of: cursors)
        numbered.writeImmutableBuffer(frame)
        write(numbered, isState: isState)
    }

    private func write(_ frame: ByteBuffer, isState: Bool = false) {
        guard let handler else { return }
        switch backlog.offer(frame, isState: isState, isWritable: handler.isWritable, at: .now()) {
        case .write:
            handler.write(frame)
            handler.flush()
        case .queued: break
        case .lost:
            owed = Set(subscriptions.indices)
            for subscription in subscriptions { subscription.restate() }
        }
    }

    // MARK: What the connection says

    func writable() {
        stall?.cancel()
        stall = nil
        guard let handler else { return }
        let now = NIODeadline.now()
        while handler.isWritable, let frame = backlog.next(at: now) { handler.write(frame) }
        handler.flush()
    }

    func unwritable() {
        guard stall == nil, reason == nil else { return }
        stall = loop.scheduleTask(in: options.maximumStall) { self.assumeIsolated { $0.end(.unread) } }
    }
}
