// Rollcall · LoadGenerator

import Glibc

/// Many streams of Server-Sent Events, or Phoenix sockets, opened with a bound on pending connects.
///
/// A socket answers pings, and sends heartbeats as phoenix.js does.
///
/// An event allocates nothing. A stream takes about 350 bytes.
public final class StreamFleet: ReactorClient {
    /// The time between two heartbeats of a socket.
    static let heartbeatInterval = 30 * Clock.second

    public let options: StreamOptions
    /// The first message of each socket; nil for streams of events.
    private let join: [UInt8]?
    private let reactor: Reactor
    private var number = 0
    private let connections: UnsafeMutablePointer<StreamConnection>
    private let carries: UnsafeMutablePointer<UInt8>
    private let ids: UnsafeMutablePointer<UInt8>?
    private var scanner: EventScanner
    private var next = 0
    private var port: UInt16
    private let began = Clock.now
    /// Heartbeats that were due since the beginning.
    private var heartbeats = 0
    /// The received parts of incomplete heads and control frames.
    private var heads: [Int: [UInt8]] = [:]
    /// The time from the start of the connect to the first event, of each stream.
    public private(set) var firstEvent = Histogram()
    /// Called when a stream ends that this program did not close.
    public var onClose: ((Int) -> Void)?

    public var counters: StreamCounters { scanner.counters }
    public var latency: Histogram { scanner.latency }

    public init(_ options: StreamOptions, on reactor: Reactor) {
        self.options = options
        join = options.wire.join
        self.reactor = reactor
        port = options.port
        connections = .allocate(capacity: options.count)
        connections.initialize(repeating: StreamConnection(), count: options.count)
        carries = .allocate(capacity: options.count * StreamConnection.carried)
        ids = options.remembersIDs ? .allocate(capacity: options.count * StreamConnection.idSize) : nil
        scanner = EventScanner(options)
        number = reactor.join(self)
    }

    deinit {
        connections.deallocate()
        carries.deallocate()
        ids?.deallocate()
    }

    /// Closes all streams and leaves the reactor.
    public func close() {
        onClose = nil
        for index in 0..<options.count where connections[index].socket >= 0 {
            Glibc.close(connections[index].socket)
            connections[index].socket = -1
        }
        reactor.leave(number)
    }

    /// Opens all streams that are not open yet; throws if one fails or the time is over.
    public func open(seconds: Double = 120) throws(LoadError) {
        ramp()
        let isOpen = try reactor.run(seconds: seconds) {
            ramp()
            return next == options.count && scanner.counters.connecting == 0
        }
        try requireOpen(isOpen)
    }

    /// Opens streams until ``StreamOptions/connecting`` connects are pending; call it again as connects end.
    public func ramp() {
        while next < options.count, scanner.counters.connecting < options.connecting {
            start(next)
            next += 1
        }
    }

    /// Waits until each stream that reads has had its first event.
    public func begin(seconds: Double = 60) throws(LoadError) {
        guard try reactor.run(seconds: seconds, until: { scanner.counters.begun >= options.readers }) else {
            throw LoadError("only \(counters.begun) of \(counters.opened) streams had a first event: \(counters)")
        }
    }

    private func requireOpen(_ isOpen: Bool) throws(LoadError) {
        let counters = scanner.counters
        guard isOpen, counters.opened == options.count, counters.failed == 0 else {
            throw LoadError(
                "opened \(counters.opened) of \(options.count) streams, \(counters.failed) failed"
                    + (counters.badStatus > 0 ? ", status \(counters.badStatus)" : ""))
        }
    }

    /// Resets the counts, except those of open and complete streams.
    public func clearCounts() {
        let old = scanner.counters
        scanner.counters = StreamCounters()
        scanner.counters.opened = old.opened
        scanner.counters.begun = old.begun
        scanner.counters.complete = old.complete
        scanner.counters.connecting = old.connecting
        scanner.latency.clear()
        firstEvent.clear()
    }

    /// Opens a stream again, on another server, with its last id.
    public func resume(_ index: Int, port: UInt16) {
        self.port = port
        if connections[index].socket >= 0 { end(index, isOurs: true) }
        start(index)
    }

    /// Sets the target: ``StreamCounters/complete`` counts the streams with so many markers since their last state.
    public func expect(_ target: Int) {
        scanner.target = target
        scanner.counters.complete = 0
        for index in 0..<options.count where connections[index].socket >= 0 {
            connections[index].isComplete = connections[index].seen >= target
            if connections[index].isComplete { scanner.counters.complete += 1 }
        }
    }

    public func isOpen(_ index: Int) -> Bool {
        connections[index].socket >= 0
    }

    // MARK: - Connections

    private func start(_ index: Int) {
        let source = 1 + index % options.sources
        var connection = StreamConnection()
        connection.idCount = connections[index].idCount
        connection.openedAt = Clock.now
        let socket: Int32
        do {
            socket = try Sockets.connecting(to: port, source: source)
        } catch {
            scanner.counters.failed += 1
            noteFault("\(error)")
            connections[index].phase = .closed
            return
        }
        if isSlow(index) { Sockets.set(socket, SOL_SOCKET, SO_RCVBUF, 4096) }
        connection.socket = socket
        connection.phase = .connecting
        connections[index] = connection
        scanner.counters.connecting += 1
        reactor.watch(socket, Reactor.writable, client: number, connection: index)
    }

    private func isSlow(_ index: Int) -> Bool {
        options.slowEvery > 0 && index % options.slowEvery == 0
    }

    public func ready(_ index: Int, _ events: UInt32) {
        switch connections[index].phase {
        case .connecting: connected(index)
        case .head, .body: read(index)
        case .idle, .closed: break
        }
    }

    private func connected(_ index: Int) {
        let socket = connections[index].socket
        let fault = Sockets.fault(of: socket)
        guard fault == 0 else {
            noteFault("connect: \(String(cString: strerror(fault)))")
            return end(index)
        }
        var request =
            "GET \(options.path.path(of: index)) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n" + options.wire.fields
        if let ids, connections[index].idCount > 0 {
            let id = UnsafeBufferPointer(
                start: ids + index * StreamConnection.idSize, count: Int(connections[index].idCount))
            request += "Last-Event-ID: \(String(decoding: id, as: UTF8.self))\r\n"
        }
        request += options.headers + "\r\n"
        let count = request.utf8.count
        guard request.withCString({ write(socket, $0, count) }) == count else {
            noteFault("\(Sockets.failure("request"))")
            return end(index)
        }
        connections[index].phase = .head
        reactor.watch(socket, Reactor.readable, client: number, connection: index, again: true)
    }

    private func read(_ index: Int) {
        let input = reactor.input + Reactor.headroom
        let count = Glibc.read(connections[index].socket, input, Reactor.readSize)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else {
            if connections[index].phase == .head {
                noteFault(count < 0 ? "\(Sockets.failure("response"))" : "no response")
            }
            return end(index)
        }
        scanner.now = Clock.now
        scanner.counters.bytes += count
        if connections[index].phase == .body {
            body(index, input, count)
        } else {
            head(index, input, count)
        }
    }

    private func head(_ index: Int, _ input: UnsafeMutablePointer<UInt8>, _ count: Int) {
        var bytes = heads.removeValue(forKey: index) ?? []
        let before = bytes.count
        bytes += UnsafeBufferPointer(start: input, count: count)
        guard let head = ResponseHead(bytes) else {
            heads[index] = bytes
            return
        }
        guard head.status == options.wire.status else {
            if scanner.counters.badStatus == 0 { scanner.counters.badStatus = head.status }
            return end(index)
        }
        guard join == nil || head.field("sec-websocket-accept") == StreamWire.accept else {
            noteFault("a wrong Sec-WebSocket-Accept")
            return end(index)
        }
        connections[index].phase = .body
        connections[index].isChunked = head.isChunked
        scanner.counters.connecting -= 1
        scanner.counters.opened += 1
        if isSlow(index) {
            reactor.watch(connections[index].socket, 0, client: number, connection: index, again: true)
        }
        if let join { send(.text, join, index) }
        let used = head.count - before
        if count > used { body(index, input + used, count - used) }
    }

    private func body(_ index: Int, _ input: UnsafeMutablePointer<UInt8>, _ count: Int) {
        let carry = carries + index * StreamConnection.carried
        let id = ids.map { $0 + index * StreamConnection.idSize }
        let awaitedFirst = connections[index].awaitsFirst
        if join != nil {
            messages(index, input, count, carry)
        } else if connections[index].isChunked {
            var chunks = connections[index].chunks
            chunks.decode(input, count) { scanner.scan($0, $1, &connections[index], carry: carry, id: id) }
            connections[index].chunks = chunks
        } else {
            scanner.scan(input, count, &connections[index], carry: carry, id: id)
        }
        if awaitedFirst, !connections[index].awaitsFirst {
            firstEvent.record(scanner.now - connections[index].openedAt)
        }
        if connections[index].chunks.isOver || connections[index].frames.isOver { end(index) }
    }

    // MARK: - Sockets

    private func messages(
        _ index: Int, _ input: UnsafeMutablePointer<UInt8>, _ count: Int, _ carry: UnsafeMutablePointer<UInt8>
    ) {
        var frames = connections[index].frames
        frames.decode(input, count) { start, count, kind, isLast in
            if kind == .text {
                scanner.scanMessage(start, count, isLast: isLast, &connections[index], carry: carry)
            } else {
                control(index, kind, UnsafeBufferPointer(start: start, count: count), isLast: isLast)
            }
        }
        connections[index].frames = frames
        if frames.isBroken { noteFault("a frame that cannot be read") }
    }

    private func control(
        _ index: Int, _ kind: FrameDecoder.Kind, _ run: UnsafeBufferPointer<UInt8>, isLast: Bool
    ) {
        let payload = (heads.removeValue(forKey: index) ?? []) + run
        guard isLast else {
            heads[index] = payload
            return
        }
        switch kind {
        case .ping: send(.pong, payload, index)
        case .close: noteFault("closed with \(payload.prefix(2).reduce(0) { $0 << 8 | Int($1) })")
        case .pong, .text: break
        }
    }

    private func send(_ kind: FrameDecoder.Kind, _ payload: [UInt8], _ index: Int) {
        let frame = ClientFrame.bytes(kind, payload, mask: .random(in: 0...UInt32.max))
        if write(connections[index].socket, frame, frame.count) != frame.count {
            noteFault("\(Sockets.failure("frame"))")
        }
    }

    /// Sends the heartbeats that are due, spread evenly over the interval.
    public func passTime(_ now: UInt64) {
        guard join != nil else { return }
        let due = Int(Double(now - began) / Double(Self.heartbeatInterval) * Double(options.count))
        heartbeats = max(heartbeats, due - options.count)
        while heartbeats < due {
            let index = heartbeats % options.count
            if connections[index].phase == .body { send(.text, StreamWire.heartbeat, index) }
            heartbeats += 1
        }
    }

    // MARK: - Ends

    private func noteFault(_ fault: String) {
        if scanner.counters.firstFault == nil { scanner.counters.firstFault = fault }
    }

    private func end(_ index: Int, isOurs: Bool = false) {
        Glibc.close(connections[index].socket)
        connections[index].socket = -1
        let phase = connections[index].phase
        connections[index].phase = .closed
        heads[index] = nil
        if !connections[index].awaitsFirst { scanner.counters.begun -= 1 }
        if connections[index].isComplete { scanner.counters.complete -= 1 }
        connections[index].isComplete = false
        if phase == .body {
            scanner.counters.opened -= 1
            if !isOurs { scanner.counters.closed += 1 }
        } else {
            scanner.counters.connecting -= 1
            scanner.counters.failed += 1
        }
        if !isOurs { onClose?(index) }
    }
}
