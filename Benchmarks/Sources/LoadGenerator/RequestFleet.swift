// Rollcall · LoadGenerator

import Glibc

/// Keep-alive connections, each with one pending request.
///
/// The next request is sent as soon as the answer is complete. A server may close a connection without a pending
/// request (RFC 9112 §9.5); it is opened again for its next request.
public final class RequestFleet: ReactorClient {
    private let reactor: Reactor
    private var number = 0
    private var connections: [RequestConnection]
    private let writer: RequestWriter
    private let port: UInt16
    /// Writes the next request of a connection; returns false if there is none for now.
    public var next: (Int, RequestWriter) -> Bool = { _, _ in false }
    public private(set) var answered = 0
    public private(set) var underWay = 0
    /// The number of answers by the first digit of their status.
    public private(set) var statuses = [Int](repeating: 0, count: 6)
    public private(set) var bytes = 0
    public private(set) var latency = Histogram()
    /// The number of connections that ended with a pending request, got bytes without one, or could not be opened.
    public private(set) var broken = 0
    /// Whether to keep the head of the last answer, for ``lastHeader(_:)``.
    public var keepsHead = false
    private var lastHead: ResponseHead?
    /// The first bytes of the first answer with an error status.
    public private(set) var firstError: String?

    public init(connections count: Int, port: UInt16, on reactor: Reactor) throws(LoadError) {
        self.reactor = reactor
        self.port = port
        connections = Array(repeating: RequestConnection(), count: count)
        writer = RequestWriter(port: port)
        number = reactor.join(self)
        for index in 0..<count { try open(index) }
    }

    private func open(_ index: Int) throws(LoadError) {
        let socket = try Sockets.connecting(to: port, source: 1, blocking: true)
        _ = fcntl(socket, F_SETFL, O_NONBLOCK)
        connections[index].socket = socket
        reactor.watch(socket, Reactor.readable, client: number, connection: index)
    }

    public func close() {
        for connection in connections where connection.socket >= 0 { Glibc.close(connection.socket) }
        connections = []
        reactor.leave(number)
    }

    public func clearCounts() {
        answered = 0
        bytes = 0
        latency.clear()
        for index in statuses.indices { statuses[index] = 0 }
    }

    /// The number of answers with 2xx and 3xx.
    public var succeeded: Int { statuses[2] + statuses[3] }

    public func lastHeader(_ name: String) -> String? {
        lastHead?.field(name)
    }

    /// Sends on every connection without a pending request.
    public func start() {
        for index in connections.indices where connections[index].phase == .idle { send(index) }
    }

    /// Runs until no request is pending, that is, until `next` has returned false for every connection.
    public func run(seconds: Double) throws(LoadError) {
        start()
        guard try reactor.run(seconds: seconds, until: { underWay == 0 }) else {
            throw LoadError("\(underWay) requests were not answered within \(Int(seconds)) s")
        }
        try requireSuccess()
    }

    public func requireSuccess() throws(LoadError) {
        guard succeeded == answered, broken == 0 else {
            throw LoadError(
                "\(answered - succeeded) of \(answered) requests were refused and \(broken) connections broke: "
                    + (firstError ?? ""))
        }
    }

    private func send(_ index: Int) {
        writer.clear()
        guard next(index, writer) else { return }
        if connections[index].socket < 0 {
            do {
                try open(index)
            } catch {
                broken += 1
                return
            }
        }
        let now = Clock.now
        connections[index].sentAt = now
        connections[index].phase = .head
        underWay += 1
        let sent = max(0, write(connections[index].socket, writer.bytes, writer.count))
        if sent < writer.count {
            connections[index].unsent = Array(
                UnsafeBufferPointer(start: writer.bytes + sent, count: writer.count - sent))
            watch(index, Reactor.readable | Reactor.writable)
        }
    }

    private func watch(_ index: Int, _ events: UInt32) {
        reactor.watch(connections[index].socket, events, client: number, connection: index, again: true)
    }

    public func ready(_ index: Int, _ events: UInt32) {
        guard index < connections.count, connections[index].socket >= 0 else { return }
        if !connections[index].unsent.isEmpty { sendRest(index) }
        if events & ~Reactor.writable != 0 { read(index) }
    }

    private func sendRest(_ index: Int) {
        let unsent = connections[index].unsent
        let sent = max(0, write(connections[index].socket, unsent, unsent.count))
        connections[index].unsent = Array(unsent[sent...])
        if sent == unsent.count { watch(index, Reactor.readable) }
    }

    private func read(_ index: Int) {
        let input = reactor.input
        let count = Glibc.read(connections[index].socket, input, Reactor.readSize)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else { return end(index, isBroken: count < 0 || connections[index].phase != .idle) }
        bytes += count
        switch connections[index].phase {
        case .idle: end(index)
        case .head: head(index, input, count)
        case .body: body(index, input, count)
        }
    }

    private func end(_ index: Int, isBroken: Bool = true) {
        Glibc.close(connections[index].socket)
        connections[index].socket = -1
        if isBroken { broken += 1 }
        if connections[index].phase != .idle { underWay -= 1 }
        connections[index].phase = .idle
        connections[index].unsent = []
        connections[index].head = []
    }

    private func head(_ index: Int, _ input: UnsafeMutablePointer<UInt8>, _ count: Int) {
        if connections[index].head.isEmpty, let head = ResponseFraming(input, count) {
            return began(index, head, input, count, used: head.count)
        }
        let before = connections[index].head.count
        connections[index].head += UnsafeBufferPointer(start: input, count: count)
        let head = connections[index].head.withUnsafeBufferPointer { ResponseFraming($0.baseAddress!, $0.count) }
        guard let head else { return }
        connections[index].head = []
        began(index, head, input, count, used: head.count - before)
    }

    private func began(
        _ index: Int, _ head: ResponseFraming, _ input: UnsafeMutablePointer<UInt8>, _ count: Int, used: Int
    ) {
        if keepsHead, used == head.count {
            lastHead = ResponseHead(Array(UnsafeBufferPointer(start: input, count: head.count)))
        }
        connections[index].status = head.status
        connections[index].isChunked = head.isChunked
        connections[index].chunks = ChunkDecoder()
        connections[index].left = head.contentLength
        connections[index].phase = .body
        if head.status >= 400, firstError == nil {
            firstError = String(decoding: UnsafeBufferPointer(start: input, count: min(count, 600)), as: UTF8.self)
        }
        body(index, input + used, count - used)
    }

    private func body(_ index: Int, _ input: UnsafeMutablePointer<UInt8>, _ count: Int) {
        let isOver: Bool
        if connections[index].isChunked {
            connections[index].chunks.decode(input, count) { _, _ in }
            isOver = connections[index].chunks.isOver
        } else {
            connections[index].left -= count
            isOver = connections[index].left <= 0
        }
        guard isOver else { return }
        latency.record(Clock.now - connections[index].sentAt)
        answered += 1
        underWay -= 1
        statuses[min(5, connections[index].status / 100)] += 1
        connections[index].phase = .idle
        // The server answered before it had the whole request, so it reads no other one.
        guard connections[index].unsent.isEmpty else { return end(index) }
        send(index)
    }
}
