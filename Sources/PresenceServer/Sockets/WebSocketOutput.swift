// Rollcall · PresenceServer

import NIOCore
import PhoenixSocket
import PresenceText

/// The frames of a socket on its connection: written at once, or queued while the client takes none.
///
/// Messages for this client alone are never dropped. The socket reads nothing while the connection is not writable, so
/// the joins and changes that run bound their number.
final class WebSocketOutput: SocketOutput {
    private typealias Opcode = FrameAssembler.Opcode

    private let connection: StreamConnection
    private let socket: ClientSocket
    private let budget: QueueBudget
    private let options: StreamOptions
    private var queue: StreamQueue
    private var stuckReader = StuckReader()
    /// The answer to the newest ping; earlier ones need none (RFC 6455 §5.5.3).
    private var waitingPong: ByteBuffer?
    private var mustRequestStates = false
    /// Whether frames are no longer written.
    private var isFinished = false

    init(_ connection: StreamConnection, of socket: ClientSocket, budget: QueueBudget, options: StreamOptions) {
        self.connection = connection
        self.socket = socket
        self.budget = budget
        self.options = options
        queue = StreamQueue(slowReaderBytes: options.slowReaderBytes, slowReaderAge: options.slowReaderAge)
        if !connection.isWritable { unwritable() }
    }

    // MARK: Messages

    func send(_ text: [UInt8]) { _ = write(StreamFrame(WebSocketText.frame(text)), as: .notice) }

    func pass(_ frame: ByteBuffer, behind joinRef: MessageRef?, as kind: StreamQueue.Kind) -> Bool {
        guard let joinRef else { return write(StreamFrame(frame), as: kind) }
        return write(StreamFrame(head: WebSocketText.head(joinRef: joinRef.json, before: frame), frame), as: kind)
    }

    func ping() {
        guard connection.isWritable, queue.isEmpty, !isFinished else { return }
        connection.writeBytes(WebSocketText.control(Opcode.ping, [UInt8]()))
    }

    func pong(_ payload: ByteBuffer) {
        let frame = WebSocketText.control(Opcode.pong, payload.readableBytesView)
        guard connection.isWritable, queue.isEmpty else {
            waitingPong = frame
            return
        }
        if !isFinished { connection.writeBytes(frame) }
    }

    private func write(_ frame: StreamFrame, as kind: StreamQueue.Kind) -> Bool {
        guard !isFinished else { return true }
        if connection.isWritable, queue.isEmpty {
            connection.write(frame)
            return true
        }
        let offer = queue.offer(
            frame, as: kind, isWritable: connection.isWritable, isBudgetFull: budget.isFull, at: .now(),
            hold: budget.hold(frame.event, for: .stream(.socket(socket))))
        switch offer {
        case .write: connection.write(frame)
        case .queued: break
        case .lost:
            mustRequestStates = true
            return false
        }
        return true
    }

    // MARK: The connection

    func writable() -> Bool {
        stuckReader.stop()
        while connection.isWritable, let frame = queue.next() { connection.write(frame) }
        guard queue.isEmpty, connection.isWritable, !isFinished else { return false }
        if let pong = waitingPong {
            waitingPong = nil
            connection.writeBytes(pong)
        }
        guard mustRequestStates else { return false }
        mustRequestStates = false
        return true
    }

    func unwritable() {
        guard !isFinished else { return }
        stuckReader.watch(connection.unreadBytes, for: options.stuckReaderAge, on: socket.loop) { [socket] in
            socket.assumeIsolated { $0.checkReader() }
        }
    }

    func isStuck() -> Bool {
        guard !stuckReader.isStuck(connection.unreadBytes) else { return true }
        if !connection.isWritable { unwritable() }
        return false
    }

    func finish(_ end: SocketEnd, echoing code: UInt16?) {
        guard !isFinished else { return }
        isFinished = true
        stuckReader.stop()
        queue.clear()
        var payload = end.code.map { CloseFrame.payload($0, reason: end.reason) } ?? []
        let step: StreamConnection.SocketClose
        switch end {
        case .connectionLost, .unread: return connection.close()
        case .closedByClient:
            payload = code.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } ?? []
            step = .closes
        case .faulty: step = .awaitsEnd
        case .silent, .slow, .unrepaired, .flooding, .draining, .tokenExpired, .revoked, .failed: step = .awaitsFrame
        }
        connection.finish(with: WebSocketText.control(Opcode.close, payload), then: step)
    }

    func close() { connection.close() }
}
