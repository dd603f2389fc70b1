// Rollcall · PresenceServer

import Access
import Foundation
import Logging
import NIOCore
import NIOWebSocket
import PhoenixSocket
import PresenceModel

/// One open socket of a Phoenix client: performs what ``SocketState`` decides.
///
/// It runs on the event loop of the client's connection, or of the first poll. It ends exactly once, with a reason.
/// After that it lives until the joins and changes that still run have their results, so that no presence stays behind.
actor ClientSocket {
    nonisolated let loop: any EventLoop
    let services: SocketServices
    let logger: Logger
    /// With all its rights, because they are asked for at each join.
    let caller: Caller
    /// Those that count the steps of the socket, found when it was opened.
    let subjects: [RateSubject]

    var state: SocketState
    /// Channels that have joined, and those that have left during a change.
    var channels: [ChannelID: SocketChannel] = [:]
    var output: (any SocketOutput)?
    /// Joins and changes that run.
    private var running = 0
    private var credential: StreamCredential
    /// The code of the client's close frame.
    private var clientCode: UInt16?
    private var isFinished = false
    private var countedChannels = 0
    private var onEnd: [@Sendable (SocketEnd) -> Void] = []
    private var onSettled: [@Sendable () -> Void] = []
    /// Completes when the connection is closed; nil without one.
    private(set) var closed: EventLoopFuture<Void>?

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(
        _ options: SocketOptions, _ parameters: SocketParameters, caller: Caller, subjects: [RateSubject],
        services: SocketServices, loop: any EventLoop, logger: Logger
    ) {
        self.loop = loop
        self.services = services
        self.logger = logger
        self.caller = caller
        self.subjects = subjects
        state = SocketState(
            options: options, parameters: parameters, ownKey: caller.userKey, limits: services.limits, at: .now())
        credential = StreamCredential(caller, at: Date().timeIntervalSince1970)
    }

    // MARK: Begin

    /// Takes over a connection: from here on only the socket writes to it.
    ///
    /// - Parameter onUnboundedSilence: Called when `TCP_USER_TIMEOUT` cannot be set: vanished clients are found late.
    /// - Throws: If the connection is closed.
    func begin(on channel: any Channel, opening: ByteBuffer, onUnboundedSilence: (any Error) -> Void) throws {
        let pipeline = channel.pipeline.syncOperations
        let connection = StreamConnection(
            stream: .socket(self), budget: services.registry.budget, sendsDirectly: services.options.sendsDirectly,
            forwardsInput: true)
        try connection.add(to: pipeline)
        try channel.syncOptions?.setOption(.autoRead, value: false)
        // Until the decoder of HTTP has left, it forwards the bytes behind the request to the handler behind it.
        let http = try? pipeline.handler(type: ConnectionHandler.self)
        let position: ChannelPipeline.SynchronousOperations.Position = http.map { .after($0) } ?? .last
        let decoder = WebSocketFrameDecoder(maxFrameSize: services.reading.maximumBytes)
        let handlers: [any ChannelHandler] = [ByteToMessageHandler(decoder), SocketInput(self, services.reading)]
        try pipeline.addHandlers(handlers, position: position)
        closed = channel.closeFuture
        // Before the first write: one that fails ends the socket from within, which releases the output.
        output = WebSocketOutput(
            connection, of: self, budget: services.registry.budget, options: services.options)
        connection.writeBytes(opening)
        connection.readOn()
        do {
            try channel.setStuckReaderTimeout(services.options.stuckReaderAge)
        } catch {
            onUnboundedSilence(error)
        }
    }

    // MARK: Events

    /// Takes what the client has sent.
    func receive(_ input: FrameAssembler.Output) {
        guard state.end == nil else {
            // It answers the close frame of the socket.
            if case .close = input { output?.close() }
            return
        }
        switch input {
        case .message(let frame):
            guard let answer = services.reading.answer else { return handle(.frame(frame)) }
            handle(.control)
            _ = output?.pass(answer(frame), behind: nil, as: .notice)
        case .ping(let payload):
            handle(.control)
            output?.pong(payload)
        case .none, .pong: handle(.control)
        case .close(let code):
            clientCode = code
            handle(.ended(.closedByClient))
        }
    }

    func handle(_ event: SocketState.Event) {
        for action in state.handle(event, at: .now()) { perform(action) }
        if let end = state.end { finish(end) }
        if state.channelCount != countedChannels {
            services.registry.addChannels(state.channelCount - countedChannels)
            countedChannels = state.channelCount
        }
        settle()
    }

    private func perform(_ action: SocketState.Action) {
        switch action {
        case .send(let message): output?.send(message.text(state.options.version))
        case .join(let id, let request): run { await $0.join(id, request) }
        case .subscribe(let id): subscribe(id)
        case .change(let id, let change):
            guard channels[id] != nil else { return }
            channels[id]?.isChanging = true
            run { await $0.change(id, change) }
        case .leave(let id, let release): leave(id, release)
        case .ping: output?.ping()
        case .close(let end): finish(end)
        case .count(let outcome): services.registry.count(outcome)
        }
    }

    /// Runs a join or a change, for which the end of the node waits.
    private func run(_ operation: @escaping @Sendable (isolated ClientSocket) async -> Void) {
        running += 1
        Task {
            await operation(self)
            running -= 1
            settle()
        }
    }

    // MARK: End

    /// Closes the connection with what the end asks for; the first call alone has an effect.
    private func finish(_ end: SocketEnd) {
        guard !isFinished else { return }
        isFinished = true
        output?.finish(end, echoing: clientCode)
        // Without a connection nothing follows.
        if closed == nil { output = nil }
        logger.debug(
            "sockets: socket ended",
            metadata: ["code": "\(end.code.map { String($0.rawValue) } ?? "none")", "reason": "\(end.reason)"])
        for action in onEnd { action(end) }
        onEnd = []
    }

    private func settle() {
        guard state.isSettled, running == 0 else { return }
        for action in onSettled { action() }
        onSettled = []
    }

    /// Calls `action` on the loop when the socket ends, or at once if it has ended.
    func whenEnded(_ action: @escaping @Sendable (SocketEnd) -> Void) {
        if let end = state.end { action(end) } else { onEnd.append(action) }
    }

    /// Calls `action` on the loop when the socket has ended and all its presences are released, or at once if so.
    func whenSettled(_ action: @escaping @Sendable () -> Void) {
        onSettled.append(action)
        settle()
    }

    /// Returns when the socket has ended and all its presences are released.
    func settled() async {
        await withCheckedContinuation { waiter in whenSettled { waiter.resume() } }
    }

    // MARK: The connection

    func writable() {
        if output?.writable() == true { requestStates() }
    }

    func unwritable() { output?.unwritable() }

    /// Ends the socket if its client has taken no bytes for too long.
    func checkReader() {
        if state.end == nil, output?.isStuck() == true { handle(.ended(.unread)) }
    }

    func connectionEnded(isUnread: Bool) {
        if state.end == nil { handle(.ended(isUnread ? .unread : .connectionLost)) }
        output?.close()
        output = nil
    }

    // MARK: Time and the credential

    /// Takes the step of the socket that is due; returns the time of the next one, nil after the end.
    func passDeadline(at now: NIODeadline) -> NIODeadline? {
        if let deadline = state.deadline, deadline <= now { handle(.timePassed) }
        return state.deadline
    }

    /// The time, in seconds since 1970, at which ``passCredentialTime()`` must be called; nil if never.
    var nextCredentialTime: Double? { state.end == nil ? credential.nextStep : nil }

    /// Announces the end of the credential, or ends the socket with it.
    func passCredentialTime() {
        switch credential.step() {
        case .announce(let end):
            var payload = JSONObjectWriter()
            payload.time("expires_at", Int64(end * 1000))
            handle(.expiring(payload: payload.finish()))
        case .end: handle(.ended(.tokenExpired))
        case nil: break
        }
    }

    /// Ends the socket if its credential has ended, or the key behind it is retired.
    func endUnlessHeld(by credentials: Credentials) {
        let now = Date().timeIntervalSince1970
        if credential.hasEnded(at: now) || !credentials.holds(caller, at: now) { handle(.ended(.tokenExpired)) }
    }

    /// Ends the socket if revocations refuse its credential, and channels of topics from which its user was removed.
    func end(refusedBy revocations: Revocations, at now: Double) {
        guard revocations.refusal(of: caller, on: [], at: now) == nil else { return handle(.ended(.revoked)) }
        for id in channels.keys { removeIfRefused(id, by: revocations, at: now) }
    }

    func removeIfRefused(_ id: ChannelID, by revocations: Revocations, at now: Double) {
        guard let topic = channels[id]?.request.topic,
            revocations.refusal(of: caller, on: [topic], at: now) != nil
        else { return }
        handle(.removed(id))
    }
}
