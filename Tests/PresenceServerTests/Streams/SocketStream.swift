// Rollcall · PresenceServerTests

import Foundation
import NIOCore
import NIOPosix
import TestSupport

@testable import PresenceServer

/// A stream on a connected socket, and the other end of that socket, which reads only when the test says so.
struct SocketStream: Sendable {
    let channel: any Channel
    let stream: EventStream
    let ends = Ends()
    /// The descriptor of the client.
    private let client: CInt

    /// Begins a stream on one end of a socket pair.
    ///
    /// - Parameters:
    ///   - sendsDirectly: False makes all bytes take the plain path.
    ///   - answer: Written before the stream begins, and not flushed.
    ///   - before: Makes the handlers between the stream and the socket.
    static func with<Result>(
        sendsDirectly: Bool, options: StreamOptions = StreamOptions(), answer: String = "",
        before: @escaping @Sendable () -> [any ChannelHandler] = { [] },
        _ body: (SocketStream) async throws -> Result
    ) async throws -> Result {
        var ends: [CInt] = [-1, -1]
        #if os(Linux)
            let type = CInt(SOCK_STREAM.rawValue)
        #else
            let type = SOCK_STREAM
        #endif
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw IOError(errnoCode: errno, reason: "socketpair")
        }
        defer { Foundation.close(ends[1]) }
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandlers(before()) }
            }
            .withConnectedSocket(ends[0]).get()
        var options = options
        options.sendsDirectly = sendsDirectly
        let test = SocketStream(
            channel: channel, stream: try .ofTest(on: channel.eventLoop, options: options), client: ends[1])
        try await test.run { stream in
            if !answer.isEmpty { channel.write(ByteBuffer(string: answer), promise: nil) }
            try stream.begin(on: channel, isChunked: true, onUnboundedSilence: { _ in })
            stream.whenEnded { test.ends.add($0) }
        }
        let result = try await body(test)
        try await test.run { $0.end(.failed) }
        try await channel.closeFuture.get()
        return result
    }

    /// Runs `body` on the loop of the channel.
    @discardableResult
    func run<Result: Sendable>(
        _ body: @escaping @Sendable (isolated EventStream) throws -> Result
    ) async throws -> Result {
        try await channel.eventLoop.submit { try stream.assumeIsolated { try body($0) } }.get()
    }

    /// Runs `body` with the handler of the stream.
    @discardableResult
    func withConnection<Result: Sendable>(
        _ body: @escaping @Sendable (StreamConnection) throws -> Result
    ) async throws -> Result {
        try await run { _ in try body(try channel.pipeline.syncOperations.handler(type: StreamConnection.self)) }
    }

    /// Reads once, without waiting; nil at the end of the output.
    func read(_ count: Int = 65536) throws -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let read = recv(client, &bytes, count, Int32(MSG_DONTWAIT))
        if read < 0, errno != EAGAIN { throw IOError(errnoCode: errno, reason: "recv") }
        return read == 0 ? nil : Array(bytes.prefix(max(0, read)))
    }

    /// Reads until `count` bytes have come.
    func read(exactly count: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        return try await eventually("\(count) bytes") {
            bytes += try read(min(65536, count - bytes.count)) ?? []
            return bytes.count == count ? bytes : nil
        }
    }

    /// Reads to the end of the output.
    func readToEnd() async throws -> [UInt8] {
        var bytes: [UInt8] = []
        return try await eventually("the end of the output") {
            guard let some = try read() else { return bytes }
            bytes += some
            return nil
        }
    }

    /// Closes both directions of the client.
    func disconnect() { shutdown(client, Int32(SHUT_RDWR)) }
}
