// Rollcall · TestSupport

import Foundation
package import NIOCore
import NIOPosix

/// A client of a stream that reads nothing until a test calls ``read(until:)`` or ``readSome()``.
///
/// Its receive buffer is small, so that unread bytes pile up at the server.
package struct StalledReader: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<Handler>

    /// Sends the request of a stream, or `requests`, and leaves the answers unread.
    ///
    /// - Parameters:
    ///   - receiveBuffer: The least bytes that the kernel keeps for the client.
    ///   - goesOn: Whether the client keeps the connection open, without notice, when the server closes its direction.
    package static func open(
        _ url: String, sending requests: String? = nil, receiveBuffer: Int = 4096, goesOn: Bool = false
    ) async throws -> StalledReader {
        guard let parts = URLComponents(string: url), let host = parts.host, let port = parts.port else {
            throw NeverHappened(description: "\(url) is no URL with a port")
        }
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: goesOn)
            .channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBuffer))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Handler()) }
            }
            .connect(host: host, port: port).get()
        let target = parts.percentEncodedPath + (parts.percentEncodedQuery.map { "?" + $0 } ?? "")
        let head = "GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\r\n"
        try await channel.writeAndFlush(ByteBuffer(string: requests ?? head))
        let handler = try await channel.eventLoop.submit {
            NIOLoopBound(try channel.pipeline.syncOperations.handler(type: Handler.self), eventLoop: channel.eventLoop)
        }.get()
        return StalledReader(channel: channel, handler: handler)
    }

    /// Reads on, and returns all received text: chunk sizes stay in it, between the lines of the stream.
    package func read(until isEnough: @escaping @Sendable (String) -> Bool) async throws -> String {
        try await channel.setOption(.autoRead, value: true).get()
        channel.read()
        var seen = -1
        return try await eventually("enough of the stream") {
            // To make a text of megabytes again and again, on the event loop, would keep the client from reading.
            let bytes = try await channel.eventLoop.submit { [seen] in
                let received = handler.value.received
                return received.readableBytes > seen ? Array(received.readableBytesView) : nil
            }.get()
            guard let bytes else { return nil }
            seen = bytes.count
            let text = String(decoding: bytes, as: UTF8.self)
            return isEnough(text) ? text : nil
        }
    }

    package func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)) }

    package func send(bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

    /// Sends a text several times with pauses.
    ///
    /// They are kept on the event loop, so that no busy test prolongs them.
    package func send(_ text: String, times: Int, every pause: TimeAmount) async throws {
        let loop = channel.eventLoop
        let writes = (0..<times).map { number in
            loop.flatScheduleTask(in: pause * number) { channel.writeAndFlush(ByteBuffer(string: text)) }.futureResult
        }
        try await EventLoopFuture.andAllSucceed(writes, on: loop).get()
    }

    /// Reads once, a few thousand bytes at most.
    package func readSome() async throws { try await channel.eventLoop.submit { channel.read() }.get() }

    /// Whether the connection is open; a close by the server is seen without reading.
    package var isOpen: Bool { channel.isActive }

    /// Whether the server still has its end of the connection; by the kernel's table, so on Linux over IPv4 only.
    ///
    /// A close that comes after unread bytes is not seen by the client itself.
    package func isOpenAtServer() throws -> Bool {
        let ports = [channel.remoteAddress?.port, channel.localAddress?.port].map { String(format: ":%04X", $0 ?? 0) }
        return try String(contentsOfFile: "/proc/net/tcp", encoding: .utf8).split(separator: "\n").contains { line in
            // Number, local address, remote address, state; 01 is ESTABLISHED.
            let fields = line.split(separator: " ")
            return fields.count > 3 && fields[1].hasSuffix(ports[0]) && fields[2].hasSuffix(ports[1])
                && fields[3] == "01"
        }
    }

    package func close() async { try? await channel.close() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        var received = ByteBuffer()

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received.writeImmutableBuffer(unwrapInboundIn(data))
        }
    }
}
