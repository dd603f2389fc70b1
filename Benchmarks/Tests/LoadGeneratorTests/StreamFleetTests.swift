// Rollcall · LoadGeneratorTests

import Glibc
import Testing

@testable import LoadGenerator

struct StreamFleetTests {
    private static let opening = [
        Frame(.text, #"["1","1","room","phx_reply",{"status":"ok","response":{}}]"#), Frame(.ping, "still there?"),
        Frame(.text, #"["1",null,"room","presence_state",{}]"#),
    ]

    /// The head of the response to a handshake.
    private static func head(accept: String = StreamWire.accept) -> [UInt8] {
        Array(
            ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Accept: \(accept)\r\n\r\n").utf8)
    }

    @Test func `a socket joins its topic, answers a ping and sends heartbeats`() throws {
        let reactor = Reactor()
        let node = try FakeNode(answer: Self.head() + Self.opening.flatMap(\.bytes), on: reactor)
        defer { node.close() }
        let fleet = socket(to: node, on: reactor)
        defer { fleet.close() }
        try fleet.open(seconds: 10)
        try fleet.begin(seconds: 10)
        fleet.passTime(Clock.now + StreamFleet.heartbeatInterval)

        let isReceived = try reactor.run(seconds: 10) { node.frames.count >= 3 }
        #expect(isReceived)
        #expect(
            node.frames == [
                Frame(.text, #"["1","1","room","phx_join",{}]"#), Frame(.pong, "still there?"),
                Frame(.text, #"[null,"2","phoenix","heartbeat",{}]"#),
            ])
        #expect(fleet.counters.states == 1)
        #expect(fleet.counters.firstFault == nil)
    }

    @Test func `a socket that the server closes has ended, and its code is the first fault`() throws {
        let reactor = Reactor()
        let close = Frame(.close, [0x03, 0xF4])
        let node = try FakeNode(answer: Self.head() + (Self.opening + [close]).flatMap(\.bytes), on: reactor)
        defer { node.close() }
        let fleet = socket(to: node, on: reactor)
        defer { fleet.close() }
        fleet.ramp()

        let isClosed = try reactor.run(seconds: 10) { fleet.counters.closed == 1 }
        #expect(isClosed)
        #expect(fleet.counters.opened == 0)
        #expect(fleet.counters.firstFault == "closed with 1012")
    }

    @Test func `a handshake with a wrong answer to its key fails`() throws {
        let reactor = Reactor()
        let node = try FakeNode(answer: Self.head(accept: "AAAA"), on: reactor)
        defer { node.close() }
        let fleet = socket(to: node, on: reactor)
        defer { fleet.close() }

        #expect(throws: LoadError.self) { try fleet.open(seconds: 10) }
        #expect(fleet.counters.failed == 1)
    }

    private func socket(to node: FakeNode, on reactor: Reactor) -> StreamFleet {
        var options = StreamOptions(count: 1, port: node.port, path: StreamPath(StreamWire.socketPath))
        options.wire = .socket(topic: "room")
        return StreamFleet(options, on: reactor)
    }
}

/// A listener that answers the first request of each connection with fixed bytes, and keeps the bytes behind it.
private final class FakeNode: ReactorClient {
    let port: UInt16
    private let answer: [UInt8]
    private let reactor: Reactor
    private let listener: Int32
    private var number = 0
    private var connections: [Int32] = []
    private var received: [UInt8] = []
    private var hasAnswered = false

    init(answer: [UInt8], on reactor: Reactor) throws(LoadError) {
        port = try Sockets.freePort()
        listener = try Sockets.listening(on: port)
        self.answer = answer
        self.reactor = reactor
        number = reactor.join(self)
        reactor.watch(listener, Reactor.readable, client: number, connection: Int(listener))
    }

    func close() {
        for socket in connections + [listener] { Glibc.close(socket) }
        reactor.leave(number)
    }

    /// The frames behind the request.
    var frames: [Frame] { Frame.ofClient(received) }

    func ready(_ connection: Int, _ events: UInt32) {
        guard connection != Int(listener) else {
            let socket = Glibc.accept(listener, nil, nil)
            connections.append(socket)
            return reactor.watch(socket, Reactor.readable, client: number, connection: Int(socket))
        }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(Int32(connection), &bytes, bytes.count)
        guard count > 0 else { return }
        received += bytes[..<count]
        guard !hasAnswered, let head = received.withUnsafeBufferPointer({ ResponseHead.size($0.baseAddress, $0.count) })
        else { return }
        hasAnswered = true
        received.removeFirst(head)
        _ = Glibc.write(Int32(connection), answer, answer.count)
    }
}
