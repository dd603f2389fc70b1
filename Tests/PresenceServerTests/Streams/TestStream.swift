// Rollcall · PresenceServerTests

import Logging
import NIOCore
import NIOEmbedded
import PresenceModel
import PresenceFeed
import PresenceText
import Synchronization

@testable import PresenceServer

extension EventStream {
    /// A stream of one topic without a feed: it sends what the test sends.
    static func ofTest(
        on loop: any EventLoop, options: StreamOptions = StreamOptions(), budget: QueueBudget = .ofTest()
    ) throws -> EventStream {
        let request = StreamRequest(
            topics: [try Topic("lobby")], format: FrameFormat(view: .full), since: [.empty], presence: nil,
            seesTopic: true)
        return EventStream(request: request, loop: loop, options: options, budget: budget)
    }
}

extension QueueBudget {
    /// A budget with room for all frames of a test, unless the test gives it fewer bytes.
    static func ofTest(maximumStreamQueueBytes: Int = 1 << 30) -> QueueBudget {
        QueueBudget(
            maximumStreamQueueBytes: maximumStreamQueueBytes, slowReaderAge: .minutes(1), logger: Logger(label: "test"))
    }
}

/// A stream on a channel without a socket: its loop runs only when the test says so.
struct TestStream: Sendable {
    let channel: NIOAsyncTestingChannel
    let stream: EventStream
    let ends = Ends()

    /// Begins a stream behind a ``SlowSocket``.
    static func begin(
        isChunked: Bool = true, options: StreamOptions = StreamOptions(), budget: QueueBudget = .ofTest()
    ) async throws -> TestStream {
        let channel = try await NIOAsyncTestingChannel { channel in
            try channel.pipeline.syncOperations.addHandler(SlowSocket())
        }
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1))
        let test = TestStream(
            channel: channel, stream: try .ofTest(on: channel.eventLoop, options: options, budget: budget))
        try await test.run { stream in
            try stream.begin(on: channel, isChunked: isChunked, onUnboundedSilence: { _ in })
            stream.whenEnded { test.ends.add($0) }
        }
        return test
    }

    /// Runs `body` on the loop of the channel, then all that is due on the loop.
    @discardableResult
    func run<Result: Sendable>(
        _ body: @escaping @Sendable (isolated EventStream) throws -> Result
    ) async throws -> Result {
        let result = try await channel.testingEventLoop.executeInContext { try stream.assumeIsolated { try body($0) } }
        await channel.testingEventLoop.run()
        return result
    }

    /// Runs `body` with the handler of the stream.
    @discardableResult
    func withConnection<Result: Sendable>(
        _ body: @escaping @Sendable (StreamConnection) throws -> Result
    ) async throws -> Result {
        try await run { _ in
            try body(try channel.pipeline.syncOperations.handler(type: StreamConnection.self))
        }
    }

    /// Runs `body` with the handler that stands for the socket.
    func withSocket(_ body: @escaping @Sendable (SlowSocket) -> Void) async throws {
        try await run { _ in body(try channel.pipeline.syncOperations.handler(type: SlowSocket.self)) }
    }

    /// Changes whether the channel is writable, and notifies its handlers.
    func setWritable(_ isWritable: Bool) async throws {
        channel.isWritable = isWritable
        try await run { _ in channel.pipeline.syncOperations.fireChannelWritabilityChanged() }
    }

    /// The writes that reached the socket since the last call, as text.
    func sent() async throws -> [String] {
        var texts: [String] = []
        while let bytes = try await channel.readOutbound(as: ByteBuffer.self) {
            if bytes.readableBytes > 0 { texts.append(String(buffer: bytes)) }
        }
        return texts
    }

    /// Closes the channel and runs the tasks that are left, which the loop demands.
    func finish() async throws {
        try await run { $0.end(.failed) }
        if channel.isActive { try await withSocket { $0.breakDown(ChannelError.ioOnClosedChannel) } }
        _ = try await channel.finish(acceptAlreadyClosed: true)
    }
}

/// The reasons with which a stream ended; more than one is a fault.
final class Ends: Sendable {
    private let reasons = Mutex<[StreamEnd]>([])

    func add(_ reason: StreamEnd) { reasons.withLock { $0.append(reason) } }

    var all: [StreamEnd] { reasons.withLock { $0 } }
}

/// Stands for the socket: takes writes at once, or keeps them while it is closed.
final class SlowSocket: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private var waiting: [(data: NIOAny, promise: EventLoopPromise<Void>?)] = []
    private var context: ChannelHandlerContext?
    /// Whether it takes writes.
    var takes = true

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        fail(ChannelError.ioOnClosedChannel)
        self.context = nil
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        waiting.append((data, promise))
    }

    func flush(context: ChannelHandlerContext) { if takes { release() } }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // NIO fails the writes before it closes.
        fail(ChannelError.ioOnClosedChannel)
        context.close(mode: mode, promise: promise)
    }

    /// Takes the oldest writes.
    func release(_ count: Int = .max) {
        let taken = waiting.prefix(count)
        waiting.removeFirst(taken.count)
        for (data, promise) in taken { context?.write(data, promise: promise) }
        context?.flush()
    }

    /// Fails all writes, as the kernel does when the client has gone, and closes.
    func breakDown(_ error: any Error) {
        fail(error)
        context?.close(promise: nil)
    }

    private func fail(_ error: any Error) {
        let failed = waiting
        waiting = []
        for (_, promise) in failed { promise?.fail(error) }
    }
}
