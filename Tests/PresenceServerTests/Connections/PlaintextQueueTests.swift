// Rollcall · PresenceServerTests

import NIOCore
import NIOEmbedded
import Testing

@testable import PresenceServer

/// The queue behind a handler that stands for TLS and notes each flush.
@Suite("The plaintext of a connection with TLS")
struct PlaintextQueueTests {
    @Test func `a large write is encrypted in pieces of one record`() throws {
        let test = try QueueUnderTest()
        let written = test.write("a", 40_000)
        test.channel.flush()
        #expect(test.encryption.flushes == [16_384, 16_384, 7_232] && written.isSuccess == true)
        #expect(try test.sent() == String(repeating: "a", count: 40_000))
        try test.end()
    }

    @Test func `the small writes of one flush share a record, and none is sent before the flush`() throws {
        let test = try QueueUnderTest()
        for letter in "abc" { _ = test.write(letter, 100) }
        #expect(test.encryption.flushes.isEmpty && test.queue.bytes == 300)
        test.channel.flush()
        #expect(test.encryption.flushes == [300] && test.queue.bytes == 0)
        for letter in "abc" { _ = test.write(letter, 10_000) }
        test.channel.flush()
        #expect(test.encryption.flushes == [300, 10_000, 10_000, 10_000])
        try test.end()
    }

    @Test func `while the socket takes nothing, output stays plaintext, and its writers wait`() throws {
        let test = try QueueUnderTest()
        test.encryption.room = 2
        let (first, second) = (test.write("a", 100_000), test.write("b", 1))
        test.channel.flush()
        #expect(test.encryption.flushes == [16_384, 16_384] && test.queue.bytes == 100_001 - 32_768)
        #expect(test.writer.changes == [false] && first.isSuccess == nil && second.isSuccess == nil)
        test.encryption.makeRoom(1)
        #expect(test.encryption.flushes.count == 3 && test.writer.changes == [false])
        test.encryption.makeRoom(100)
        #expect(test.queue.bytes == 0 && test.writer.changes == [false, true])
        #expect(first.isSuccess == true && second.isSuccess == true)
        #expect(try test.sent() == String(repeating: "a", count: 100_000) + "b")
        try test.end()
    }

    @Test func `a write from within a flush is sent without a further event`() throws {
        let test = try QueueUnderTest()
        test.channel.write(ByteBuffer(string: "a")).assumeIsolated().whenComplete { _ in
            test.channel.writeAndFlush(ByteBuffer(string: "b"), promise: nil)
        }
        test.channel.flush()
        #expect(try test.sent() == "ab")
        #expect(test.queue.bytes == 0 && test.writer.changes.isEmpty)
        try test.end()
    }

    @Test func `a close drops the plaintext that waits, and a later write fails`() throws {
        let test = try QueueUnderTest()
        test.encryption.room = 1
        let waiting = test.write("a", 100_000)
        test.channel.flush()
        test.channel.close(promise: nil)
        #expect(waiting.isSuccess == false && test.queue.bytes == 0)
        #expect(test.write("b", 1).isSuccess == false)
        try test.end()
    }

    @Test func `the end of the connection fails the writes that wait`() throws {
        let test = try QueueUnderTest()
        test.encryption.room = 1
        let waiting = test.write("a", 100_000)
        test.channel.flush()
        test.channel.pipeline.syncOperations.fireChannelInactive()
        #expect(waiting.isSuccess == false && test.queue.bytes == 0)
        try test.end()
    }
}

/// A connected channel with the queue between TLS and a writer.
private struct QueueUnderTest {
    let channel = EmbeddedChannel()
    let encryption = Encryption()
    let queue = PlaintextQueue()
    let writer = Writer()

    init() throws {
        try channel.pipeline.syncOperations.addHandlers([encryption, queue, writer])
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    }

    /// Writes a letter several times, without a flush.
    func write(_ letter: Character, _ count: Int) -> Outcome {
        Outcome(channel.write(ByteBuffer(string: String(repeating: letter, count: count))))
    }

    func sent() throws -> String {
        var text = ""
        while let bytes = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
        return text
    }

    func end() throws { _ = try channel.finish(acceptAlreadyClosed: true) }
}

/// Stands for TLS and the socket: notes the bytes of each flush, and takes only some flushes.
private final class Encryption: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var unflushed = 0
    private var context: ChannelHandlerContext?
    private(set) var flushes: [Int] = []
    /// Flushes that the socket still takes.
    var room = Int.max

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        unflushed += unwrapOutboundIn(data).readableBytes
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        guard unflushed > 0 else { return context.flush() }
        flushes.append(unflushed)
        unflushed = 0
        room -= 1
        context.flush()
        if room == 0 { setWritable(false) }
    }

    func makeRoom(_ count: Int) {
        room += count
        setWritable(true)
    }

    private func setWritable(_ isWritable: Bool) {
        (context?.channel as? EmbeddedChannel)?.isWritable = isWritable
        context?.fireChannelWritabilityChanged()
    }
}

/// Notes the writability that a handler behind the queue sees.
private final class Writer: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private(set) var changes: [Bool] = []

    func channelWritabilityChanged(context: ChannelHandlerContext) { changes.append(context.channel.isWritable) }
}

/// The outcome of a write, once it is known.
private final class Outcome {
    private(set) var isSuccess: Bool?

    init(_ written: EventLoopFuture<Void>) {
        written.assumeIsolated().whenComplete { result in
            self.isSuccess = if case .success = result { true } else { false }
        }
    }
}
