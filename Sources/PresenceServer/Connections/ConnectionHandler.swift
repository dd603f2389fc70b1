// Rollcall · PresenceServer

import HTTPTypes
import Logging
import NIOCore
import NIOExtras
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Handles one HTTP/1 connection between its decoder and the server: checks heads, writes answers, and closes.
///
/// The framework compares `Connection` with one exact text, answers parse errors without a body, and closes slow
/// connections without an answer. So this handler replaces the framework's encoder, codec and time-outs.
/// ``ConnectionState`` decides, and this class acts. It is used on the event loop of its channel only.
final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = IOData

    private let responder: RollcallResponder
    let times: ConnectionTimes
    private let place: ConnectionPlace
    let logger: Logger
    /// The output that TLS has not encrypted yet; nil for HTTP in clear text.
    private let plaintext: PlaintextQueue?
    let start: RequestStart
    private let slot = DecoderSlot()

    var state: ConnectionState
    private var framing: RequestFraming?
    /// The head of the newest request, until its body has ended.
    private var request: HTTPRequest?
    private var answerFraming = ResponseFraming.none
    /// The head of an answer, until it is written with the first bytes of its body.
    private var head: ByteBuffer?
    /// The bytes that the budget counts for this connection.
    var reserved: BodyReservation
    var timer: Scheduled<Void>?
    var timerAt = NIODeadline.distantFuture
    private let lingering = LingerTimer()
    var progress: ReadProgress
    /// Whether the server is about to close the connection because its request was refused; the connection must linger.
    private var expectsServerClose = false
    /// Whether the connection is a stream's.
    var isReleased = false
    /// Whether the connection has ended or is a stream's.
    var isSettled = false
    /// Whether the bytes behind the newest request are frames of a socket.
    private var expectsFrames = false
    /// Whether that request has ended, so that the decoder forwards nothing but bytes.
    private var forwardsBytes = false

    init(
        _ responder: RollcallResponder, times: ConnectionTimes, place: ConnectionPlace = .regular, budget: BodyBudget,
        plaintext: PlaintextQueue?, logger: Logger
    ) {
        self.responder = responder
        self.times = times
        self.place = place
        reserved = BodyReservation(of: budget)
        self.plaintext = plaintext
        progress = ReadProgress(plaintext: plaintext)
        self.logger = logger
        start = RequestStart()
        state = ConnectionState(at: .now())
    }

    /// The handlers between the socket and the server, in this order.
    var handlers: [any ChannelHandler] { [start, slot.decoder, self] }

    func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { arm(context) } }

    func channelActive(context: ChannelHandlerContext) {
        arm(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        settle()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { settle() }

    /// Cancels the timers and releases the bytes of the budget.
    private func settle() {
        isSettled = true
        timer?.cancel()
        timer = nil
        lingering.cancel()
        reserved.shrink(to: 0)
    }

    // MARK: Streams

    /// Whether the newest request is of HTTP/1.0, which has no chunks.
    var isHTTP10: Bool { framing?.isHTTP10 == true }

    /// Whether no further answer is written.
    var isClosing: Bool { state.isClosing }

    /// Whether the newest request offers an upgrade that can be taken: the bytes behind its head are no body.
    var offersUpgrade: Bool { framing.map { $0.offersUpgrade && $0.body == .none && !$0.isHTTP10 } ?? false }

    /// Keeps the decoder of a request that becomes a socket: it stops behind the request, and forwards the bytes behind
    /// it when it is removed.
    func expectFrames() { expectsFrames = true }

    /// Hands the connection to a stream; returns the handlers to remove, the decoder before the others.
    func release() -> (decoder: any RemovableChannelHandler, others: [any RemovableChannelHandler]) {
        isReleased = true
        settle()
        return (slot.decoder, [start, self])
    }

    /// Calls `action` when all written bytes are sent, or cannot be; a client that stops reading is disconnected.
    func whenSent(
        in pipeline: ChannelPipeline.SynchronousOperations, _ action: @escaping (Result<Void, any Error>) -> Void
    ) {
        guard let context = try? pipeline.context(handler: self) else { return }
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer()))).assumeIsolated().whenComplete(action)
        if progress.unsentBytes(context) > 0 { watchReader(context) }
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if forwardsBytes { return context.fireChannelRead(data) }
        // On a stream's connection the decoder forwards bytes when it is removed.
        guard !isReleased else {
            if expectsFrames, case .end = unwrapInboundIn(data) { forwardsBytes = true }
            return
        }
        switch unwrapInboundIn(data) {
        case .head(let head):
            receive(head, context)
        case .body(let bytes):
            start.bodyArrived(bytes)
            receive(bytes, context)
        case .end(let trailers):
            start.expectHead(afterChunks: framing?.body == .chunked)
            if expectsFrames {
                forwardsBytes = true
            } else if framing?.offersUpgrade == true {
                replaceDecoder(context)
            }
            guard state.end(at: .now()) else { return }
            request = nil
            context.fireChannelRead(wrapInboundOut(.end(trailers.map { HTTPFields($0, splitCookie: false) })))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        guard !isReleased else { return }
        // The frames of a socket that waits for earlier answers come behind the last request.
        start.dropsBytes = !state.readsRequests && (!expectsFrames || state.isClosing)
        if start.hasBegun { state.headBegan(at: .now()) }
        // Further bytes are read and dropped, even if the server does not read.
        guard state.isClosing else { return arm(context) }
        context.read()
        lingering.bytesArrived()
    }

    private func receive(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        start.headEnded()
        guard state.takesRequests else { return }
        do throws(Problem) {
            let framing = try RequestFraming(head)
            self.framing = framing
            let request = try HTTPRequest(head, framing, isSecure: plaintext != nil)
            self.request = request
            guard try responder.serves(request, on: place) else { return context.close(promise: nil) }
            if framing.expectsContinue { try responder.checkBeforeBody(request, on: context.channel) }
            var counted = 0
            if case .length(let length) = framing.body, length <= responder.longestBody(of: request.method) {
                counted = try reserved.add(length, of: length)
            }
            state.begin(framing, bodyBytes: counted, at: .now())
            context.fireChannelRead(wrapInboundOut(.head(request)))
            sendContinueIfDue(context)
        } catch {
            refuse(error, isHead: head.method == .HEAD, context)
        }
    }

    private func receive(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        guard state.takesBody else { return perform(state.bodyArrived(bytes.readableBytes), context) }
        var counted = 0
        if framing?.body == .chunked {
            do throws(Problem) {
                counted = try reserved.add(bytes.readableBytes, of: state.bodyBytes + bytes.readableBytes)
            } catch {
                return refuse(error, context)
            }
        }
        perform(state.bodyArrived(bytes.readableBytes, counted: counted), context)
        context.fireChannelRead(wrapInboundOut(.body(bytes)))
    }

    private func replaceDecoder(_ context: ChannelHandlerContext) {
        do {
            try slot.replace(in: context.pipeline.syncOperations) {
                if !self.isReleased { self.channelReadComplete(context: context) }
            }
        } catch {
            logger.debug("http: decoder not replaced", metadata: ["error": "\(error)"])
            context.close(promise: nil)
        }
    }

    private func sendContinueIfDue(_ context: ChannelHandlerContext) {
        guard !isReleased, state.takeContinue() else { return }
        put(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"), context, nil)
        context.flush()
    }

    // MARK: Answers

    /// Writes an answer; drops the answer to a refused request, and any behind it.
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let response):
            begin(response, context, promise)
        case .body(let bytes):
            guard state.isInAnswer, answerFraming != .none else { return drop(promise) }
            guard answerFraming == .chunked else { return send(bytes, context, promise) }
            var chunk = context.channel.allocator.buffer(capacity: bytes.readableBytes + 16)
            chunk.writeChunk(bytes)
            send(chunk, context, promise)
        case .end:
            guard state.isInAnswer else { return drop(promise) }
            send(answerFraming == .chunked ? ByteBuffer(staticString: "0\r\n\r\n") : nil, context, promise)
            perform(state.answerEnded(at: .now()), context)
            reserved.shrink(to: state.bodyBytes)
            sendContinueIfDue(context)
            if !state.isClosing { arm(context) }
        }
    }

    private func begin(_ response: HTTPResponse, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        let asksToClose = response.headerFields[.connection] == "close"
        guard var answer = state.answerBegins(asksToClose: asksToClose) else { return drop(promise) }
        answerFraming = ResponseFraming(response, to: answer)
        if answerFraming == .untilClose, !answer.closes {
            state.answerEndsWithConnection()
            answer = .init(isHead: answer.isHead, isHTTP10: answer.isHTTP10, closes: true)
        }
        var bytes = context.channel.allocator.buffer(capacity: 512)
        bytes.writeHead(
            response, framing: answerFraming, closes: answer.closes, answersHTTP10: answer.isHTTP10)
        head = bytes
        promise?.succeed()
    }

    /// Writes bytes of an answer, and before them its head if that is not written yet.
    private func send(_ bytes: ByteBuffer?, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        // One small buffer costs less than two.
        if var first = head, let bytes, bytes.readableBytes <= 4096 {
            head = nil
            first.writeImmutableBuffer(bytes)
            return put(first, context, promise)
        }
        if let first = head {
            head = nil
            put(first, context, bytes == nil ? promise : nil)
            if bytes == nil { return }
        }
        // Without bytes, an empty write keeps the promise in its place behind earlier writes.
        if bytes != nil || promise != nil { put(bytes ?? ByteBuffer(), context, promise) }
    }

    private func put(_ bytes: ByteBuffer, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        progress.wrote(bytes.readableBytes)
        context.write(wrapOutboundOut(.byteBuffer(bytes)), promise: promise)
    }

    private func drop(_ promise: EventLoopPromise<Void>?) { promise?.succeed() }

    func flush(context: ChannelHandlerContext) {
        if head != nil { send(nil, context, nil) }
        context.flush()
    }

    // MARK: Refusals

    private func refuse(_ problem: Problem, isHead: Bool? = nil, _ context: ChannelHandlerContext) {
        interrupt(context) { $0.refuse(problem, isHead: isHead) }
    }

    /// Performs a step; if it ends the reading of a body, sends an error to the server, which waits for the rest of it.
    func interrupt(_ context: ChannelHandlerContext, _ step: (inout ConnectionState) -> ConnectionState.Action) {
        let wasReading = state.takesBody
        perform(step(&state), context)
        reserved.shrink(to: state.bodyBytes)
        guard wasReading, !state.takesBody else { return }
        expectsServerClose = true
        context.fireErrorCaught(ChannelError.inputClosed)
    }

    private func perform(_ action: ConnectionState.Action, _ context: ChannelHandlerContext) {
        switch action {
        case .none: break
        case .abort: context.close(promise: nil)
        case .close: linger(context)
        case .refuse(let refusal):
            let (response, body) = responder.refuse(
                refusal.problem, of: request, on: context.channel, logger: logger)
            var bytes = context.channel.allocator.buffer(capacity: 1024)
            bytes.writeHead(response, framing: .length, closes: true, answersHTTP10: false)
            if !refusal.isHead { bytes.writeImmutableBuffer(body) }
            put(bytes, context, nil)
            linger(context)
        }
    }

    /// Flushes, ends the output, and closes when the client has closed or the linger time is over.
    private func linger(_ context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        timerAt = .distantFuture
        send(nil, context, nil)
        progress.watch(context)
        arm(context)
        plaintext?.readOn(context)
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer()))).assumeIsolated().whenComplete {
            result in
            guard case .success = result, !self.state.isInputClosed else { return context.close(promise: nil) }
            context.close(mode: .output, promise: nil)
            context.read()
            self.lingering.start(context) { [unowned self] in
                self.state.lingerDeadline(self.times, since: $0, lastByte: $1)
            }
        }
    }

    // MARK: Ends

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if expectsServerClose, mode == .all, state.isClosing {
            expectsServerClose = false
            promise?.succeed()
            return
        }
        guard mode == .output, !isReleased else { return context.close(mode: mode, promise: promise) }
        // The server writes nothing more.
        perform(state.close(), context)
        promise?.succeed()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard !isReleased else { return context.fireUserInboundEventTriggered(event) }
        if event is ChannelShouldQuiesceEvent {
            perform(state.quiesce(at: .now(), hasUnsent: progress.unsentBytes(context) > 0), context)
            if state.isClosing { lingering.arm(context) } else { arm(context) }
            return
        }
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            if state.isClosing {
                _ = state.inputClosed()
                // The client has ended its output, so no byte from it can cause a reset.
                return whenSent(in: context.pipeline.syncOperations) { _ in context.close(promise: nil) }
            }
            perform(state.inputClosed(), context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // These bytes are behind malformed ones; the refusal may still be on its way.
        if case .dataReceivedInErrorState? = error as? ByteToMessageDecoderError { return }
        guard !isReleased, let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        start.findNextStart()
        refuse(Problem(error, at: start, isInBody: state.takesBody), isHead: start.isHead, context)
    }
}
