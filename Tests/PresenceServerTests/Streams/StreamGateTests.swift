// Rollcall · PresenceServerTests

import Access
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import Synchronization
import TestSupport
import Testing

@testable import PresenceServer

@Suite("The gate between connections and streams")
struct StreamGateTests {
    private static let stream = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
    private static let ticket = "GET /stream?ticket=x HTTP/1.1\r\nHost: x\r\n\r\n"
    private static let plain = "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n"

    /// A connection of the server on a channel without a socket.
    private struct Connection: GateConnection {
        let channel: NIOAsyncTestingChannel
        let value: ServedConnection.Value
        let served: ServedConnection
        let streams: Streams
        /// The paths of the requests that the server has carried out.
        let requests: Recorder<String>
        let tickets: Tickets

        func fire(_ event: ChannelEvent) async throws {
            try await channel.testingEventLoop.executeInContext {
                channel.pipeline.syncOperations.fireUserInboundEventTriggered(event)
            }
            await channel.testingEventLoop.run()
        }

        /// Changes whether the channel is writable, and notifies its handlers.
        func setWritable(_ isWritable: Bool) async throws {
            channel.isWritable = isWritable
            try await channel.testingEventLoop.executeInContext {
                channel.pipeline.syncOperations.fireChannelWritabilityChanged()
            }
            await channel.testingEventLoop.run()
        }

        /// Runs `body` with the stream that has begun.
        func withStream(_ body: @escaping @Sendable (isolated EventStream) -> Void) async throws {
            let stream = try #require(streams.all.first)
            try await channel.testingEventLoop.executeInContext { stream.assumeIsolated { body($0) } }
            await channel.testingEventLoop.run()
        }

        func finish() async throws {
            for stream in streams.all {
                try await channel.testingEventLoop.executeInContext { stream.assumeIsolated { $0.end(.failed) } }
            }
            await channel.testingEventLoop.run()
            // The gate's simulated error, which passes the end of the pipeline.
            try? await channel.throwIfErrorCaught()
            _ = try await channel.finish(acceptAlreadyClosed: true)
        }
    }

    /// The streams that have begun.
    private final class Streams: Sendable {
        private let streams = Mutex<[EventStream]>([])

        func add(_ stream: EventStream) { streams.withLock { $0.append(stream) } }

        var all: [EventStream] { streams.withLock { $0 } }
    }

    /// The tickets that were looked up; the test decides about each.
    private final class Tickets: Sendable {
        private let waiting = Mutex<[CheckedContinuation<Bool, Never>]>([])

        func find() async throws(Problem) {
            let isGood = await withCheckedContinuation { ticket in waiting.withLock { $0.append(ticket) } }
            if !isGood { throw Problem(.unauthenticated, "The ticket is bad.") }
        }

        var count: Int { waiting.withLock { $0.count } }

        /// Decides about the oldest ticket.
        func decide(_ isGood: Bool) { waiting.withLock { $0.removeFirst() }.resume(returning: isGood) }
    }

    /// Sets up a connection with a server that answers each request with its path.
    private func connect(behind first: @escaping @Sendable () -> [any ChannelHandler] = { [] }) async throws
        -> Connection
    {
        let streams = Streams()
        let requests = Recorder<String>()
        let tickets = Tickets()
        let open: Route.StreamHandler = { _, _ in
            OpenedStream(headers: [.contentType: "text/event-stream"], first: ByteBuffer(string: "5\r\nfirst\r\n")) {
                channel, opening, isChunked in
                guard let stream = try? EventStream.ofTest(on: channel.eventLoop) else { return }
                stream.assumeIsolated { stream in
                    guard (try? stream.begin(on: channel, isChunked: isChunked, onUnboundedSilence: { _ in })) != nil
                    else { return }
                    stream.open(with: opening)
                }
                streams.add(stream)
            }
        }
        let openWithTicket: Route.TicketHandler = { request, context in
            try await tickets.find()
            return try open(request, context)
        }
        let route = Route(
            streamAt: "/stream", "stream", needs: .nothing, query: ["ticket"], openWithTicket: openWithTicket,
            open: open)
        let served = ServedConnection.ofTest(route, recordingIn: requests)
        let channel = try await NIOAsyncTestingChannel { try $0.pipeline.syncOperations.addHandlers(first()) }
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1))
        let value = try await channel.testingEventLoop.executeInContext {
            served.setup(channel: channel, logger: Logger(label: "test"))
        }.get()
        return Connection(
            channel: channel, value: value, served: served, streams: streams, requests: requests, tickets: tickets)
    }

    @Test func `A stream on the first request begins without the server, and no HTTP handler stays`() async throws {
        let connection = try await connect()
        try await connection.receive(Self.stream)
        #expect(try await connection.value.served.get() == nil)
        let sent = try await connection.sent()
        #expect(sent.hasPrefix("HTTP/1.1 200 OK\r\n") && sent.contains("Transfer-Encoding: chunked\r\n"))
        #expect(sent.hasSuffix("\r\n\r\n5\r\nfirst\r\n"))
        #expect(try await connection.httpHandlers() == 0)
        try await connection.finish()
    }

    @Test func `A stream for a client of HTTP/1.0 has no chunks`() async throws {
        let connection = try await connect()
        try await connection.receive("GET /stream HTTP/1.0\r\nHost: x\r\n\r\n")
        let sent = try await connection.sent()
        #expect(sent.hasSuffix("\r\n\r\nfirst") && !sent.contains("chunked"))
        try await connection.finish()
    }

    @Test func `Bytes behind the request for a stream are dropped`() async throws {
        let connection = try await connect()
        try await connection.receive(Self.stream + Self.stream + Self.plain)
        try await connection.receive(Self.plain + "no HTTP")
        #expect(connection.streams.all.count == 1)
        #expect(try await connection.sent().hasSuffix("\r\n\r\n5\r\nfirst\r\n"))
        #expect(try await connection.channel.readInbound(as: HTTPRequestPart.self) == nil)
        try await connection.finish()
    }

    @Test func `The first other request gives the connection to the server`() async throws {
        let connection = try await connect()
        async let handled: Void = connection.served.handle(value: connection.value, logger: Logger(label: "test"))
        try await connection.receive(Self.plain)
        let answer = try await connection.answer()
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.hasSuffix("\r\n\r\n/plain"))
        #expect(connection.streams.all.isEmpty)
        #expect(try await connection.httpHandlers() == 4)
        _ = try await connection.channel.finish(acceptAlreadyClosed: true)
        await handled
    }

    @Test func `While a client takes no bytes, one more request is carried out, and those behind it wait`() async throws
    {
        let connection = try await connect()
        async let handled: Void = connection.served.handle(value: connection.value, logger: Logger(label: "test"))
        try await connection.receive(Self.plain)
        _ = try await connection.answer()
        try await connection.setWritable(false)
        try await connection.receive(String(repeating: Self.plain, count: 5))
        try await eventually("one more request") { connection.requests.all.count == 2 }
        for _ in 0..<50 {
            await connection.channel.testingEventLoop.run()
            await Task.yield()
        }
        #expect(connection.requests.all.count == 2)
        #expect(try await connection.sent().isEmpty)
        try await connection.setWritable(true)
        var sent = ""
        try await eventually("all answers") {
            await connection.channel.testingEventLoop.run()
            sent += try await connection.sent()
            return sent.ranges(of: "/plain").count == 5
        }
        #expect(connection.requests.all.count == 6)
        _ = try await connection.channel.finish(acceptAlreadyClosed: true)
        await handled
    }

    @Test(arguments: [true, false])
    func `The server leaves a connection if a later request is for a stream, and its close is refused`(
        isPipelined: Bool
    ) async throws {
        let connection = try await connect()
        async let handled: Void = connection.served.handle(value: connection.value, logger: Logger(label: "test"))
        try await connection.receive(isPipelined ? Self.plain + Self.stream : Self.plain)
        var sent = ""
        if !isPipelined {
            sent = try await connection.answer()
            try await connection.receive(Self.stream)
        }
        sent += try await connection.answer(endingWith: "first\r\n")
        let answers = sent.split(separator: "HTTP/1.1 200 OK\r\n", omittingEmptySubsequences: false)
        #expect(answers.count == 3, "\(sent)")
        #expect(answers.dropFirst().first?.hasSuffix("\r\n\r\n/plain") == true)
        #expect(answers.last?.hasSuffix("\r\n\r\n5\r\nfirst\r\n") == true)
        await handled
        try await connection.withStream { $0.send(ByteBuffer(string: "3\r\none\r\n")) }
        #expect(try await connection.sent() == "3\r\none\r\n" && connection.channel.isActive)
        try await connection.finish()
        #expect(!connection.channel.isActive)
    }

    @Test func `A client that closes its direction behind its request for a stream ends the stream`() async throws {
        let connection = try await connect()
        try await connection.receive(Self.stream)
        try await connection.fire(.inputClosed)
        #expect(try await connection.sent().hasSuffix("5\r\nfirst\r\n0\r\n\r\n"))
        #expect(!connection.channel.isActive)
        try await connection.finish()
    }

    @Test func `A client that closes its direction before its first request is disconnected`() async throws {
        let connection = try await connect()
        try await connection.fire(.inputClosed)
        #expect(try await connection.value.served.get() == nil)
        #expect(try await connection.sent().isEmpty && !connection.channel.isActive)
        try await connection.finish()
    }

    @Test func `A handler between the socket and the HTTP handlers gets every byte of a stream`() async throws {
        let connection = try await connect(behind: { [Upcased()] })
        try await connection.receive(Self.stream)
        try await connection.withStream { $0.send(ByteBuffer(string: "3\r\none\r\n")) }
        let sent = try await connection.sent()
        #expect(sent.hasSuffix("\r\n\r\n5\r\nFIRST\r\n3\r\nONE\r\n") && sent == sent.uppercased())
        try await connection.finish()
    }

    // MARK: Tickets

    @Test func `A stream with a ticket begins without the server, when its ticket was found`() async throws {
        let connection = try await connect()
        try await connection.receive(Self.ticket)
        try await eventually("the look-up") { connection.tickets.count == 1 }
        #expect(try await connection.sent().isEmpty && connection.streams.all.isEmpty)
        connection.tickets.decide(true)
        let sent = try await connection.answer(endingWith: "first\r\n")
        #expect(sent.hasPrefix("HTTP/1.1 200 OK\r\n") && sent.hasSuffix("\r\n\r\n5\r\nfirst\r\n"))
        #expect(try await connection.value.served.get() == nil)
        #expect(try await connection.httpHandlers() == 0)
        try await connection.finish()
    }

    @Test func `A stream with a ticket for a client of HTTP/1.0 has no chunks`() async throws {
        let connection = try await connect()
        try await connection.receive("GET /stream?ticket=x HTTP/1.0\r\nHost: x\r\n\r\n")
        try await eventually("the look-up") { connection.tickets.count == 1 }
        connection.tickets.decide(true)
        let sent = try await connection.answer(endingWith: "first")
        #expect(sent.hasSuffix("\r\n\r\nfirst") && !sent.contains("chunked"))
        try await connection.finish()
    }

    @Test(arguments: [true, false])
    func `Bytes behind a request with a ticket are dropped, and a refusal closes the connection`(
        isGood: Bool
    ) async throws {
        let connection = try await connect()
        try await connection.receive(Self.ticket + Self.plain + Self.ticket)
        try await eventually("the look-up") { connection.tickets.count == 1 }
        try await connection.receive(Self.plain)
        connection.tickets.decide(isGood)
        if isGood {
            #expect(try await connection.answer(endingWith: "first\r\n").hasSuffix("\r\n\r\n5\r\nfirst\r\n"))
        } else {
            let sent = try await connection.answer(endingWith: "}\n")
            #expect(sent.hasPrefix("HTTP/1.1 401 ") && sent.contains("\r\nConnection: close\r\n"))
            #expect(sent.contains("\r\nContent-Type: application/problem+json\r\n"))
            #expect(sent.contains("The ticket is bad.") && sent.ranges(of: "HTTP/1.1").count == 1)
            #expect(try await connection.value.served.get() == nil)
        }
        #expect(connection.requests.all.isEmpty && connection.tickets.count == 0)
        try await connection.finish()
    }

    @Test(arguments: [true, false], [true, false])
    func `A request with a ticket waits for the answers to earlier requests`(
        isPipelined: Bool, isGood: Bool
    ) async throws {
        let connection = try await connect()
        async let handled: Void = connection.served.handle(value: connection.value, logger: Logger(label: "test"))
        var sent = ""
        try await connection.receive(isPipelined ? Self.plain + Self.ticket : Self.plain)
        if !isPipelined {
            sent = try await connection.answer()
            try await connection.receive(Self.ticket)
        }
        try await eventually("the look-up") {
            await connection.channel.testingEventLoop.run()
            return connection.tickets.count == 1
        }
        connection.tickets.decide(isGood)
        sent += try await connection.answer(endingWith: isGood ? "first\r\n" : "}\n")
        let answers = sent.split(separator: "HTTP/1.1 ", omittingEmptySubsequences: false)
        #expect(answers.count == 3, "\(sent)")
        #expect(answers[1].hasPrefix("200 OK\r\n") && answers[1].hasSuffix("\r\n\r\n/plain"))
        #expect(answers[2].hasPrefix(isGood ? "200 OK\r\n" : "401 "))
        try await connection.finish()
        await handled
    }

    @Test(arguments: [true, false])
    func `A client that goes while its ticket is looked up gets no stream`(isGood: Bool) async throws {
        let connection = try await connect()
        try await connection.receive(Self.ticket)
        try await eventually("the look-up") { connection.tickets.count == 1 }
        _ = try await connection.channel.finish(acceptAlreadyClosed: true)
        #expect(try await connection.value.served.get() == nil)
        connection.tickets.decide(isGood)
        for _ in 0..<50 {
            await connection.channel.testingEventLoop.run()
            await Task.yield()
        }
        #expect(connection.streams.all.isEmpty)
    }

    @Test(arguments: [true, false])
    func `A client that ends its input while its ticket is looked up gets a refusal and no stream`(
        isGood: Bool
    ) async throws {
        let connection = try await connect()
        try await connection.receive(Self.ticket)
        try await eventually("the look-up") { connection.tickets.count == 1 }
        try await connection.fire(.inputClosed)
        #expect(connection.channel.isActive)
        connection.tickets.decide(isGood)
        try await eventually("the end of the connection") {
            await connection.channel.testingEventLoop.run()
            return !connection.channel.isActive
        }
        let sent = try await connection.sent()
        #expect(isGood ? sent.isEmpty : sent.hasPrefix("HTTP/1.1 401 "))
        #expect(connection.streams.all.isEmpty)
        try await connection.finish()
    }
}
