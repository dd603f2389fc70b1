// Rollcall · PresenceServer

import NIOCore
import NIOWebSocket
import PhoenixSocket

/// Gives the messages of a client to its socket, and forwards nothing.
///
/// NIO's decoder before it finds the frames. ``FrameAssembler`` checks them, because NIO's own handlers check neither
/// masks nor UTF-8.
final class SocketInput: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame

    private let socket: ClientSocket
    private let maximumBytes: Int
    private var frames: FrameAssembler
    /// Whether further frames are dropped: after a fault, and after the client's close frame.
    private var isOver = false

    init(_ socket: ClientSocket, _ reading: SocketReading) {
        self.socket = socket
        maximumBytes = reading.maximumBytes
        frames = FrameAssembler(maximumFragments: reading.maximumFragments, maximumBytes: reading.maximumBytes)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        let frame = unwrapInboundIn(data)
        do throws(SocketError) {
            let output = try frames.add(
                FrameAssembler.Frame(
                    isFinal: frame.fin, reserved: frame.reservedBits.rawValue,
                    opcode: UInt8(webSocketOpcode: frame.opcode), isMasked: frame.maskKey != nil,
                    payload: frame.unmaskedData))
            if case .close = output { isOver = true }
            socket.assumeIsolated { $0.receive(output) }
        } catch {
            fail(error)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Bytes behind a fault, or a part of a frame at the end of the input.
        if error is ByteToMessageDecoderError { return }
        switch error as? NIOWebSocketError {
        case .invalidFrameLength?:
            fail(SocketError(.messageTooBig, "A frame has at most \(maximumBytes) bytes."))
        case .fragmentedControlFrame?, .multiByteControlFrameLength?:
            fail(SocketError(.protocolError, "A control frame has at most 125 bytes, in one fragment."))
        case nil: context.fireErrorCaught(error)
        }
    }

    private func fail(_ error: SocketError) {
        guard !isOver else { return }
        isOver = true
        socket.assumeIsolated { $0.handle(.ended(.faulty(error))) }
    }
}
