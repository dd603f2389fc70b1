// Rollcall · TestSupport

import NIOCore
import NIOPosix
import Synchronization

/// A WebSocket that sends any bytes; like a browser it answers pings, and a close frame with the same code.
package final class WebSocketClient: Sendable {
    /// An answer to a handshake other than 101.
    package struct Refusal: Error, CustomStringConvertible {
        package let status: Int
        /// Its head and its body.
        package let text: String

        package var description: String { "the handshake was refused: \(text)" }
    }

    /// The key of RFC 6455 §1.3, and the answer to it.
    private static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    private static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    private struct State {
        var received = ByteBuffer()
        var head: String?
        var frames: [WebSocketBytes.Frame] = []
        var hasClosed = false
        var isEnded = false
        var fault: (any Error)?

        var isOpened: Bool { head?.hasPrefix("HTTP/1.1 101 ") == true }

        /// Takes bytes of the server; returns the frames that answer them.
        mutating func take(_ bytes: ByteBuffer) -> [[UInt8]] {
            received.writeImmutableBuffer(bytes)
            if head == nil, let end = received.readableBytesView.firstRange(of: Array("\r\n\r\n".utf8)) {
                head = received.readString(length: end.upperBound - received.readerIndex)
            }
            guard isOpened, fault == nil else { return [] }
            var answers: [[UInt8]] = []
            do {
                while let frame = try WebSocketBytes.take(from: &received) {
                    frames.append(frame)
                    if frame.opcode == WebSocketBytes.ping {
                        answers.append(WebSocketBytes.masked(frame.payload, opcode: WebSocketBytes.pong))
                    }
                    if frame.opcode == WebSocketBytes.close, !hasClosed {
                        hasClosed = true
                        answers.append(WebSocketBytes.masked(frame.payload, opcode: WebSocketBytes.close))
                    }
                }
            } catch {
                fault = error
            }
            return answers
        }

        /// The value of a field of the head.
        func field(_ name: String) -> String? {
            let lines = head?.split(separator: "\r\n").map(String.init) ?? []
            let line = lines.first { $0.lowercased().hasPrefix(name.lowercased() + ": ") }
            return line.map { String($0.dropFirst(name.count + 2)) }
        }

        /// Whether the body of a refusal is there.
        var isComplete: Bool {
            guard head != nil else { return false }
            return isOpened || received.readableBytes >= field("Content-Length").flatMap { Int($0) } ?? 0
        }
    }

    private final class Box: Sendable {
        let state = Mutex(State())
    }

    private let channel: any Channel
    private let box: Box

    private init(_ channel: any Channel, _ box: Box) {
        self.channel = channel
        self.box = box
    }

    /// Sends a handshake, and returns after the answer.
    ///
    /// - Parameters:
    ///   - url: The address of the node, such as `http://127.0.0.1:4000`.
    ///   - target: Path and query.
    ///   - fields: Fields of the request, in place of those of a browser or beside them; an empty text takes one away.
    ///   - opening: Bytes behind the request, in the same packet.
    ///   - isBytewise: Whether each byte is written by itself.
    /// - Throws: A ``Refusal`` for any answer but 101.
    package static func open(
        _ url: String, _ target: String, fields: [String: String] = [:], opening: [UInt8] = [],
        isBytewise: Bool = false
    ) async throws -> WebSocketClient {
        let (host, port) = try RawClient.address(of: url)
        let box = Box()
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Handler(box)) }
            }
            .connect(host: host, port: port).get()
        let client = WebSocketClient(channel, box)
        let request = Self.handshake(target, fields)
        try await client.send(bytes: Array(request.utf8) + opening, isBytewise: isBytewise)
        try await eventually("an answer to the handshake") { box.state.withLock { $0.isComplete || $0.isEnded } }
        let (isOpened, accept, text) = box.state.withLock { state in
            let body = state.isOpened ? "" : String(buffer: state.received)
            return (state.isOpened, state.field("Sec-WebSocket-Accept"), (state.head ?? "") + body)
        }
        guard isOpened else {
            await client.drop()
            throw Refusal(status: Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0, text: text)
        }
        guard accept == Self.accept else { throw NeverHappened(description: "the accept of the RFC, but \(text)") }
        return client
    }

    /// The text of a handshake, as a browser sends it.
    package static func handshake(_ target: String, _ fields: [String: String] = [:]) -> String {
        let standard = [
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key,
        ]
        return RawClient.get(target, with: standard.merging(fields) { $1 }.filter { !$0.value.isEmpty })
    }

    package func send(_ text: String) async throws { try await send(bytes: WebSocketBytes.masked(text)) }

    package func send(bytes: [UInt8], isBytewise: Bool = false) async throws {
        guard isBytewise else { return try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }
        for byte in bytes { try await channel.writeAndFlush(ByteBuffer(bytes: [byte])) }
    }

    /// All frames so far, also pings.
    package var frames: [WebSocketBytes.Frame] { box.state.withLock { $0.frames } }

    /// The value of a field of the answer to the handshake.
    package func field(_ name: String) -> String? { box.state.withLock { $0.field(name) } }

    /// The code of the server's close frame.
    package var closeCode: Int? {
        let frame = frames.first { $0.opcode == WebSocketBytes.close }
        guard let payload = frame?.payload, payload.count > 1 else { return nil }
        return Int(payload[0]) << 8 | Int(payload[1])
    }

    /// Whether the connection has ended.
    package var isEnded: Bool { box.state.withLock { $0.isEnded } }

    /// The error of a frame that no server may send.
    package var fault: (any Error)? { box.state.withLock { $0.fault } }

    /// Closes as a browser does with a closed tab; returns when the server has closed the connection.
    package func close(code: UInt16? = nil) async throws {
        let payload = code.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } ?? []
        box.state.withLock { $0.hasClosed = true }
        try await send(bytes: WebSocketBytes.masked(payload, opcode: WebSocketBytes.close))
        try await eventually("the end of the connection") { isEnded }
    }

    /// Ends the connection without a close frame.
    package func drop() async { try? await channel.close() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let box: Box

        init(_ box: Box) { self.box = box }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            let answers = box.state.withLock { $0.take(bytes) }
            for answer in answers { context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: answer)), promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            box.state.withLock { $0.isEnded = true }
            context.fireChannelInactive()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
