// Rollcall · PresenceServerTests

import Foundation
import NIOCore
import NIOEmbedded
import Testing

@testable import PresenceServer

/// The handler of a stream on a channel without a socket, where all bytes take the plain path.
@Suite("The connection of a stream")
struct StreamConnectionTests {
    private let one = ByteBuffer(string: "3\r\none\r\n")
    private let two = ByteBuffer(string: "3\r\ntwo\r\n")

    @Test func `Bytes reach the socket in the order of their writes, each write as it was`() async throws {
        let test = try await TestStream.begin()
        try await test.withConnection { [one, two] in
            $0.writeBytes(ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\n"))
            $0.write(StreamFrame(head: ByteBuffer(string: "2\r\nid\r\n"), one))
            $0.write(two)
        }
        #expect(try await test.sent() == ["HTTP/1.1 200 OK\r\n\r\n", "2\r\nid\r\n3\r\none\r\n", "3\r\ntwo\r\n"])
        try await test.finish()
    }

    @Test func `Bytes that the socket does not take are kept, and no later write overtakes them`() async throws {
        let test = try await TestStream.begin()
        try await test.withSocket { $0.takes = false }
        try await test.withConnection { [one, two] in
            $0.write(one)
            $0.write(two)
        }
        #expect(try await test.sent().isEmpty)
        try await test.withSocket { $0.release(1) }
        #expect(try await test.sent() == ["3\r\none\r\n"])
        try await test.withConnection { $0.write(StreamFrames.ping) }
        try await test.withSocket { $0.release() }
        #expect(try await test.sent() == ["3\r\ntwo\r\n", String(buffer: StreamFrames.ping)])
        try await test.finish()
    }

    @Test func `A client of HTTP/1.0 gets frames without chunk framing`() async throws {
        let test = try await TestStream.begin(isChunked: false)
        try await test.withConnection { [one, two] in
            $0.write(one)
            $0.write(two)
        }
        #expect(try await test.sent() == ["one", "two"])
        try await test.finish()
    }

    @Test func `Input is dropped`() async throws {
        let test = try await TestStream.begin()
        #expect(try await test.channel.writeInbound(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n")).isEmpty)
        #expect(try await test.sent().isEmpty && test.ends.all.isEmpty)
        try await test.finish()
    }

    @Test(arguments: [true, false])
    func `input is read on for a handler between the stream and the socket, and for no other`(hasHandler: Bool)
        async throws
    {
        let channel = try await NIOAsyncTestingChannel { channel in
            let handlers: [any ChannelHandler] = hasHandler ? [Reads(), Upcased()] : []
            try channel.pipeline.syncOperations.addHandlers(handlers)
        }
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1))
        let test = TestStream(channel: channel, stream: try .ofTest(on: channel.eventLoop))
        try await test.run { try $0.begin(on: channel, isChunked: true, onUnboundedSilence: { _ in }) }
        let readsOn = try await test.withConnection { $0.readsOn }
        #expect(readsOn == hasHandler)
        if hasHandler {
            #expect(try await test.reads() == 1)
            try await channel.writeInbound(ByteBuffer(string: "dropped"))
            #expect(try await test.reads() == 2)
        }
        try await test.finish()
    }

    @Test func `A handler behind the stream cannot close its connection`() async throws {
        let test = try await TestStream.begin()
        for mode in [CloseMode.all, .output, .input] {
            await #expect(throws: ChannelError.operationUnsupported) {
                try await test.channel.close(mode: mode).get()
            }
        }
        try await test.withConnection { [one] in $0.write(one) }
        #expect(try await test.sent() == ["3\r\none\r\n"] && test.channel.isActive && test.ends.all.isEmpty)
        try await test.withConnection { $0.close() }
        #expect(!test.channel.isActive && test.ends.all == [.clientGone])
        try await test.finish()
    }

    @Test func `A channel that closes amid a write ends the stream once, and takes no later write`() async throws {
        let test = try await TestStream.begin()
        try await test.withSocket { $0.takes = false }
        try await test.run { [one, two] stream in
            stream.send(one)
            stream.send(two)
        }
        try await test.withSocket { $0.breakDown(IOError(errnoCode: ECONNRESET, reason: "write")) }
        try await test.run { [one] in $0.send(one) }
        #expect(try await test.sent().isEmpty)
        #expect(test.ends.all == [.clientGone])
        try await test.finish()
        #expect(test.ends.all == [.clientGone])
    }

    @Test func `A client that the kernel dropped, because it acknowledged nothing, ends the stream as unread`()
        async throws
    {
        let test = try await TestStream.begin()
        try await test.withSocket { $0.takes = false }
        try await test.run { [one] in $0.send(one) }
        try await test.withSocket { $0.breakDown(IOError(errnoCode: ETIMEDOUT, reason: "write")) }
        #expect(test.ends.all == [.unread])
        try await test.finish()
    }

    @Test func `The end of the input ends the stream, which then sends the last chunk and closes`() async throws {
        let test = try await TestStream.begin()
        try await test.run { _ in
            test.channel.pipeline.syncOperations.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
        #expect(try await test.sent() == ["0\r\n\r\n"])
        #expect(test.ends.all == [.clientGone] && !test.channel.isActive)
        try await test.finish()
    }

    @Test func `The last chunk waits for the bytes before it, and the connection for the last chunk`() async throws {
        let test = try await TestStream.begin()
        try await test.withSocket { $0.takes = false }
        try await test.withConnection { [one] in
            $0.write(one)
            $0.finish()
        }
        #expect(test.channel.isActive)
        try await test.withSocket { $0.release() }
        #expect(try await test.sent() == ["3\r\none\r\n", "0\r\n\r\n"])
        #expect(!test.channel.isActive)
        try await test.finish()
    }

    @Test func `The connection of a client that takes no last chunk closes after a second`() async throws {
        let test = try await TestStream.begin()
        try await test.withSocket { $0.takes = false }
        try await test.withConnection { $0.finish() }
        await test.channel.testingEventLoop.advanceTime(by: .milliseconds(999))
        #expect(test.channel.isActive)
        await test.channel.testingEventLoop.advanceTime(by: .milliseconds(1))
        await test.channel.testingEventLoop.run()
        #expect(!test.channel.isActive)
        try await test.finish()
    }

    @Test func `The budget counts bytes only while they wait`() async throws {
        let budget = QueueBudget.ofTest(maximumStreamQueueBytes: 1)
        let test = try await TestStream.begin(budget: budget)
        try await test.withConnection { [one] in
            $0.write(one)
            #expect(!budget.isFull, "the socket took them")
        }
        try await test.withSocket { $0.takes = false }
        try await test.withConnection { [one] in $0.write(one) }
        #expect(budget.isFull)
        try await test.withSocket { $0.release() }
        #expect(!budget.isFull)
        try await test.withConnection { [one] in $0.write(one) }
        #expect(budget.isFull)
        try await test.withSocket { $0.breakDown(ChannelError.ioOnClosedChannel) }
        #expect(!budget.isFull, "bytes that were dropped no longer wait")
        try await test.finish()
    }

    @Test func `The stream stands before the HTTP handlers, and behind a handler between them and the socket`()
        async throws
    {
        let channel = try await NIOAsyncTestingChannel { channel in
            try channel.pipeline.syncOperations.addHandlers([SlowSocket(), RequestStart(), Upcased()])
        }
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1))
        let test = TestStream(channel: channel, stream: try .ofTest(on: channel.eventLoop))
        try await test.run { stream in
            try stream.begin(on: channel, isChunked: true, onUnboundedSilence: { _ in })
            stream.open(with: ByteBuffer(string: "head"))
        }
        try await test.withSocket { $0.takes = false }
        try await test.run { $0.open(with: ByteBuffer(string: "kept")) }
        #expect(try await test.sent() == ["head"], "not in capitals: the handler behind it sees no bytes")
        try await test.finish()
    }
}

/// Stands for the socket: counts its reads.
private final class Reads: ChannelOutboundHandler {
    typealias OutboundIn = IOData

    private(set) var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}

extension TestStream {
    fileprivate func reads() async throws -> Int {
        try await run { _ in try channel.pipeline.syncOperations.handler(type: Reads.self).count }
    }
}
