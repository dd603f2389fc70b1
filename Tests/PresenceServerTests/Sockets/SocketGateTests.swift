// Rollcall · PresenceServerTests

import Access
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOEmbedded
import TestSupport
import Testing

@testable import PresenceServer

@Suite("The gate between connections and sockets")
struct SocketGateTests {
    private static let upgrade =
        "GET /socket HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    private static let plain = "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n"

    /// A connection of the server on a channel without a socket.
    private struct Connection: GateConnection {
        let channel: NIOAsyncTestingChannel
        let value: ServedConnection.Value
        let served: ServedConnection
        /// The bytes that have reached the socket's own handler.
        let frames: Recorder<String>
        let requests: Recorder<String>

        func finish() async throws {
            // The gate's simulated error, which passes the end of the pipeline.
            try? await channel.throwIfErrorCaught()
            try await channel.testingEventLoop.executeInContext {
                try? channel.pipeline.syncOperations.context(handlerType: FrameRecorder.self).close(promise: nil)
            }
            _ = try await channel.finish(acceptAlreadyClosed: true)
        }
    }

    /// Records the bytes that come behind the request for a socket, which alone closes the connection.
    private final class FrameRecorder: ChannelDuplexHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundIn = Never
        private let frames: Recorder<String>

        init(_ frames: Recorder<String>) { self.frames = frames }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            frames.record(String(buffer: unwrapInboundIn(data)))
        }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            promise?.fail(ChannelError.operationUnsupported)
        }
    }

    private func connect() async throws -> Connection {
        let (frames, requests) = (Recorder<String>(), Recorder<String>())
        let route = Route(socketAt: "/socket", "openSocket") { request, _ in
            OpenedSocket(try SocketHandshake(request.headers), subprotocol: "phoenix", caller: .open) {
                channel, opening in
                let pipeline = channel.pipeline.syncOperations
                guard let first = try? pipeline.context(handlerType: RequestStart.self),
                    let handler = try? pipeline.handler(type: ConnectionHandler.self)
                else { return }
                try? pipeline.addHandler(FrameRecorder(frames), position: .after(handler))
                first.writeAndFlush(NIOAny(opening), promise: nil)
            }
        }
        let served = ServedConnection.ofTest(route, recordingIn: requests)
        let channel = NIOAsyncTestingChannel()
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1))
        let value = try await channel.testingEventLoop.executeInContext {
            served.setup(channel: channel, logger: Logger(label: "test"))
        }.get()
        return Connection(channel: channel, value: value, served: served, frames: frames, requests: requests)
    }

    @Test func `A socket on the first request begins without the server, and gets the bytes behind the request`()
        async throws
    {
        let connection = try await connect()
        try await connection.receive(Self.upgrade + "one")
        let sent = try await connection.answer(endingWith: "\r\n\r\n")
        #expect(sent.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
        for field in [
            "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Protocol: phoenix",
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ] {
            #expect(sent.contains("\r\n\(field)\r\n"), "\(field)")
        }
        #expect(!sent.contains("Sec-WebSocket-Extensions"))
        #expect(try await connection.value.served.get() == nil)
        #expect(try await connection.httpHandlers() == 0)
        try await connection.receive("two")
        #expect(connection.frames.all.joined() == "onetwo")
        try await connection.finish()
    }

    @Test func `A request that comes byte by byte opens a socket, and no byte behind it is lost`() async throws {
        let connection = try await connect()
        for character in Self.upgrade + "frames" { try await connection.receive(String(character)) }
        #expect(connection.frames.all.joined() == "frames")
        #expect(try await connection.httpHandlers() == 0)
        try await connection.finish()
    }

    @Test(arguments: [true, false])
    func `A later request of a connection opens a socket, behind the answers to earlier ones`(
        isPipelined: Bool
    ) async throws {
        let connection = try await connect()
        async let handled: Void = connection.served.handle(value: connection.value, logger: Logger(label: "test"))
        var sent = ""
        if isPipelined {
            try await connection.receive(Self.plain + Self.upgrade + "one")
        } else {
            try await connection.receive(Self.plain)
            sent = try await connection.answer(endingWith: "/plain")
            try await connection.receive(Self.upgrade + "one")
        }
        sent += try await connection.answer(endingWith: "\r\n\r\n", behind: "HTTP/1.1 101 ")
        let answers = sent.split(separator: "HTTP/1.1 ", omittingEmptySubsequences: false)
        #expect(answers.count == 3 && answers[1].hasSuffix("/plain") && answers[2].hasPrefix("101 "), "\(sent)")
        try await connection.receive("two")
        #expect(connection.frames.all.joined() == "onetwo")
        #expect(connection.channel.isActive && connection.requests.all == ["/plain"])
        try await connection.finish()
        await handled
    }

    /// Requests that a connection cannot answer with a socket.
    private static let others = [
        upgrade.replacing("Upgrade: websocket", with: "Upgrade: h2c"), upgrade.replacing(", Upgrade", with: ""),
        upgrade.replacing("Version: 13", with: "Version: 8"), upgrade.replacing("ZQ==", with: "Z"),
        upgrade.replacing("HTTP/1.1", with: "HTTP/1.0"), upgrade.replacing("GET", with: "HEAD"),
        upgrade.replacing("Host: x", with: "Host: x\r\nContent-Length: 3") + "abc",
    ]

    @Test(arguments: SocketGateTests.others)
    func `A request that opens no socket goes to the server, and leaves the connection to later ones`(
        request: String
    ) async throws {
        let connection = try await connect()
        async let handled: Void = connection.served.handle(value: connection.value, logger: Logger(label: "test"))
        try await connection.receive(request)
        try await eventually("the request") {
            await connection.channel.testingEventLoop.run()
            return connection.requests.all == ["/socket"]
        }
        try await connection.receive(Self.plain)
        _ = try await connection.answer(endingWith: "/plain")
        #expect(connection.frames.all.isEmpty)
        try await connection.finish()
        await handled
    }
}
