// Rollcall · LoadGenerator

import CLinux
import Glibc

/// The least work that a server of events can do: one write for each event and subscriber.
///
/// A reader that takes only a part of an event is dropped, because the rest could not be sent later.
public final class FloorServer: ReactorClient {
    private let reactor: Reactor
    private let listener: Int32
    private var number = 0
    private var streams: [Int32] = []
    private var requests: [Int32: [UInt8]] = [:]
    private var published = 0

    public init(port: UInt16, on reactor: Reactor) throws(LoadError) {
        self.reactor = reactor
        listener = try Sockets.listening(on: port)
        number = reactor.join(self)
        reactor.watch(listener, Reactor.readable, client: number, connection: Int(listener))
    }

    public func close() {
        Glibc.close(listener)
        for socket in streams { Glibc.close(socket) }
        for socket in requests.keys { Glibc.close(socket) }
        reactor.leave(number)
    }

    public func ready(_ connection: Int, _ events: UInt32) {
        if connection == Int(listener) { accept() } else { read(Int32(connection)) }
    }

    private func accept() {
        while true {
            let socket = Glibc.accept(listener, nil, nil)
            guard socket >= 0 else { return }
            _ = fcntl(socket, F_SETFL, O_NONBLOCK)
            Sockets.set(socket, Int32(IPPROTO_TCP), TCP_NODELAY)
            requests[socket] = []
            reactor.watch(socket, Reactor.readable, client: number, connection: Int(socket))
        }
    }

    private func read(_ socket: Int32) {
        let count = Glibc.read(socket, reactor.input, Reactor.readSize)
        if count < 0, errno == EAGAIN { return }
        guard count > 0, var bytes = requests[socket] else { return drop(socket) }
        bytes += UnsafeBufferPointer(start: reactor.input, count: count)
        requests[socket] = bytes
        guard let head = bytes.withUnsafeBufferPointer({ ResponseHead.size($0.baseAddress, $0.count) }) else { return }
        if bytes.starts(with: "GET /events".utf8) {
            requests[socket] = nil
            streams.append(socket)
            send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", socket)
        } else if bytes.starts(with: "GET".utf8) {
            requests[socket] = []
            send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", socket)
        } else {
            let length = bytes.withUnsafeBufferPointer {
                ResponseFraming($0.baseAddress!, $0.count)?.contentLength ?? 0
            }
            guard bytes.count >= head + length else { return }
            requests[socket] = []
            publish(bytes[head...])
            send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", socket)
        }
    }

    private func publish(_ data: ArraySlice<UInt8>) {
        published += 1
        let event = Array("id: \(published)\ndata: ".utf8) + data + Array("\n\n".utf8)
        let chunk = Array("\(String(event.count, radix: 16))\r\n".utf8) + event + Array("\r\n".utf8)
        var dropped: [Int32] = []
        for socket in streams where write(socket, chunk, chunk.count) != chunk.count { dropped.append(socket) }
        for socket in dropped { drop(socket) }
    }

    private func send(_ text: String, _ socket: Int32) {
        _ = text.withCString { write(socket, $0, text.utf8.count) }
    }

    private func drop(_ socket: Int32) {
        if requests.removeValue(forKey: socket) == nil { streams.removeAll { $0 == socket } }
        Glibc.close(socket)
    }
}
