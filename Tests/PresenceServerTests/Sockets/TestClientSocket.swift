// Rollcall · PresenceServerTests

import Access
import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import PhoenixSocket
import PresenceFeed
import PresenceModel
import PresenceStore
import Redis
import TestSupport

@testable import PresenceServer

extension SocketServices {
    /// Services of a node that does not reach Redis.
    static func ofTest(
        options: StreamOptions = StreamOptions(), budget: QueueBudget = .ofTest(),
        credentials: Credentials = .open, callerLimits: RequestLimits? = nil, reading: SocketReading = SocketReading()
    ) throws -> SocketServices {
        let group = MultiThreadedEventLoopGroup.singleton
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let url = try RedisURL("redis://127.0.0.1:1")
        let pool = RedisPool(url: url, options: RedisOptions(), eventLoopGroup: group, logger: logger)
        let store = PresenceStore(pool: pool)
        return SocketServices(
            hub: FeedHub(
                store: store, redisURL: url, redisOptions: RedisOptions(), probe: pool, eventLoopGroup: group,
                logger: logger),
            store: store, leases: LeaseKeeper(store: store, logger: logger),
            registry: StreamRegistry(
                eventLoopGroup: group, options: options, budget: budget, credentials: credentials),
            limits: Limits(), callerLimits: callerLimits, options: options, reading: reading)
    }
}

/// A socket on a channel without a connection: its loop runs only when the test says so.
struct TestClientSocket: Sendable {
    /// A frame of the server.
    struct Frame: Equatable, CustomStringConvertible {
        let opcode: UInt8
        let payload: [UInt8]

        var text: String { String(decoding: payload, as: UTF8.self) }
        /// The code of a close frame.
        var code: Int? { opcode == 8 && payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : nil }
        var description: String { "\(opcode) \(text)" }

        static func text(_ text: String) -> Frame { Frame(opcode: 1, payload: Array(text.utf8)) }
    }

    let channel: NIOAsyncTestingChannel
    let socket: ClientSocket
    let ends = Recorder<SocketEnd>()

    /// Begins a socket behind a ``SlowSocket``, and behind a handler that counts what is read.
    static func begin(
        _ query: String = "vsn=2.0.0", caller: Caller = .open, services: SocketServices? = nil
    ) async throws -> TestClientSocket {
        let services = try services ?? .ofTest()
        let channel = try await NIOAsyncTestingChannel { channel in
            try channel.pipeline.syncOperations.addHandlers([ReadCounter(), SlowSocket()])
        }
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1))
        let parameters = SocketParameters(query: query)
        guard let options = SocketOptions(parameters) else { throw NeverHappened(description: "options of \(query)") }
        let socket = ClientSocket(
            options, parameters, caller: caller, subjects: [], services: services, loop: channel.eventLoop,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let test = TestClientSocket(channel: channel, socket: socket)
        try await test.run { socket in
            try socket.begin(on: channel, opening: ByteBuffer(string: "head"), onUnboundedSilence: { _ in })
            socket.whenEnded { test.ends.record($0) }
        }
        let head = try await channel.readOutbound(as: ByteBuffer.self)
        guard head == ByteBuffer(string: "head") else { throw NeverHappened(description: "the head first") }
        return test
    }

    @discardableResult
    func run<Result: Sendable>(
        _ body: @escaping @Sendable (isolated ClientSocket) throws -> Result
    ) async throws -> Result {
        let result = try await channel.testingEventLoop.executeInContext { try socket.assumeIsolated { try body($0) } }
        await channel.testingEventLoop.run()
        return result
    }

    /// Sends bytes of the client.
    func send(_ bytes: ByteBuffer) async throws { try await channel.receive(bytes) }

    func send(_ text: String) async throws { try await send(Self.frame(1, Array(text.utf8))) }

    /// A frame of a client, masked.
    static func frame(_ opcode: UInt8, _ payload: [UInt8], isMasked: Bool = true) -> ByteBuffer {
        let mask: [UInt8] = isMasked ? [0x12, 0x34, 0x56, 0x78] : [0, 0, 0, 0]
        let bit: UInt8 = isMasked ? 0x80 : 0
        var bytes = ByteBuffer()
        bytes.writeInteger(0x80 | opcode)
        switch payload.count {
        case ..<126: bytes.writeInteger(bit | UInt8(payload.count))
        case ...0xFFFF:
            bytes.writeInteger(bit | 126)
            bytes.writeInteger(UInt16(payload.count))
        default:
            bytes.writeInteger(bit | 127)
            bytes.writeInteger(UInt64(payload.count))
        }
        if isMasked { bytes.writeBytes(mask) }
        bytes.writeBytes(payload.enumerated().map { $1 ^ mask[$0 % 4] })
        return bytes
    }

    /// The frames that have reached the client since the last call.
    func received() async throws -> [Frame] {
        var bytes = ByteBuffer()
        while let part = try await channel.readOutbound(as: ByteBuffer.self) { bytes.writeImmutableBuffer(part) }
        var frames: [Frame] = []
        while let first = bytes.readInteger(as: UInt8.self), let short = bytes.readInteger(as: UInt8.self) {
            var length = Int(short)
            if short == 126 { length = bytes.readInteger(as: UInt16.self).map { Int($0) } ?? 0 }
            if short == 127 { length = bytes.readInteger(as: UInt64.self).map { Int($0) } ?? 0 }
            frames.append(Frame(opcode: first & 0xF, payload: bytes.readBytes(length: length) ?? []))
        }
        return frames
    }

    /// Awaits a frame of the server, while tasks of the socket run.
    func next() async throws -> Frame {
        try await eventually("a frame") {
            await channel.testingEventLoop.run()
            return try await received().first
        }
    }

    func setWritable(_ isWritable: Bool) async throws {
        channel.isWritable = isWritable
        try await run { _ in channel.pipeline.syncOperations.fireChannelWritabilityChanged() }
    }

    /// How often the socket has asked for input since the last call.
    func reads() async throws -> Int {
        try await run { _ in try channel.pipeline.syncOperations.handler(type: ReadCounter.self).take() }
    }

    /// Closes the channel and runs the tasks that are left, which the loop demands.
    func finish() async throws {
        try await run { $0.handle(.ended(.failed)) }
        if channel.isActive { try await run { $0.receive(.close(code: nil)) } }
        _ = try await channel.finish(acceptAlreadyClosed: true)
    }

    /// Counts reads that are asked for.
    private final class ReadCounter: ChannelOutboundHandler {
        typealias OutboundIn = IOData
        private var count = 0

        func read(context: ChannelHandlerContext) {
            count += 1
            context.read()
        }

        func take() -> Int {
            defer { count = 0 }
            return count
        }
    }
}
