// Rollcall · PresenceServerTests

import NIOCore
import NIOEmbedded
import TestSupport
import Testing

@testable import PresenceServer

@Suite("A stream of events")
struct EventStreamTests {
    private let one = ByteBuffer(string: "3\r\none\r\n")
    private let two = ByteBuffer(string: "3\r\ntwo\r\n")
    private let ping = String(buffer: StreamFrames.ping)

    @Test func `The first bytes of the response go before all events`() async throws {
        let test = try await TestStream.begin()
        try await test.run { [one] stream in
            stream.open(with: ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\n"))
            stream.send(one)
            stream.ping()
        }
        #expect(try await test.sent() == ["HTTP/1.1 200 OK\r\n\r\n", "3\r\none\r\n", ping])
        try await test.finish()
    }

    @Test func `Events for a reader that takes no more are queued, and sent in order when it does`() async throws {
        let test = try await TestStream.begin()
        try await test.setWritable(false)
        try await test.run { [one, two] stream in
            stream.send(one)
            stream.send(two)
        }
        #expect(try await test.sent().isEmpty)
        try await test.setWritable(true)
        #expect(try await test.sent() == ["3\r\none\r\n", "3\r\ntwo\r\n"])
        try await test.run { [one] in $0.send(one) }
        #expect(try await test.sent() == ["3\r\none\r\n"])
        try await test.finish()
    }

    @Test func `A reader that takes no more gets no ping`() async throws {
        let test = try await TestStream.begin()
        try await test.setWritable(false)
        try await test.run { $0.ping() }
        try await test.setWritable(true)
        #expect(try await test.sent().isEmpty)
        try await test.run { $0.ping() }
        #expect(try await test.sent() == [ping])
        try await test.finish()
    }

    @Test func `A reader that is stuck for the time of the setting ends the stream, with no byte more`() async throws {
        var options = StreamOptions()
        options.stuckReaderAge = .seconds(30)
        let test = try await TestStream.begin(options: options)
        try await test.setWritable(false)
        await test.channel.testingEventLoop.advanceTime(by: .seconds(29))
        #expect(test.ends.all.isEmpty && test.channel.isActive)
        await test.channel.testingEventLoop.advanceTime(by: .seconds(1))
        await test.channel.testingEventLoop.run()
        #expect(test.ends.all == [.unread] && !test.channel.isActive)
        #expect(try await test.sent().isEmpty)
        try await test.finish()
    }

    @Test func `A reader that goes on in time is not stuck`() async throws {
        var options = StreamOptions()
        options.stuckReaderAge = .seconds(30)
        let test = try await TestStream.begin(options: options)
        for _ in 0..<3 {
            try await test.setWritable(false)
            await test.channel.testingEventLoop.advanceTime(by: .seconds(29))
            try await test.setWritable(true)
        }
        await test.channel.testingEventLoop.advanceTime(by: .seconds(60))
        #expect(test.ends.all.isEmpty && test.channel.isActive)
        try await test.finish()
    }

    @Test func `An ended stream sends the last chunk, closes, and sends nothing more`() async throws {
        let test = try await TestStream.begin()
        try await test.run { [one] stream in
            stream.send(one)
            stream.end(.draining)
            stream.end(.failed)
            stream.send(one)
            stream.ping()
        }
        let sent = try await test.sent()
        #expect(sent.first == "3\r\none\r\n" && sent.last == "0\r\n\r\n")
        #expect(sent.filter { $0 == "3\r\none\r\n" }.count == 1)
        #expect(test.ends.all == [.draining] && !test.channel.isActive)
        try await test.finish()
    }

    @Test func `A stream with a reader that takes no more ends without its queue and without a last chunk`()
        async throws
    {
        let test = try await TestStream.begin()
        try await test.setWritable(false)
        try await test.run { [one] stream in
            stream.send(one)
            stream.end(.slow)
        }
        #expect(try await test.sent().isEmpty)
        #expect(test.ends.all == [.slow] && !test.channel.isActive)
        try await test.finish()
    }

    @Test func `An action that is added after the end is called at once`() async throws {
        let test = try await TestStream.begin()
        let late = Ends()
        try await test.run { stream in
            stream.end(.draining)
            stream.whenEnded { late.add($0) }
        }
        #expect(late.all == [.draining])
        try await test.finish()
    }

    @Test func `A stream is settled when it has ended and its track is over`() async throws {
        let test = try await TestStream.begin()
        let (gate, opening) = AsyncStream<Void>.makeStream()
        let settled = Ends()
        try await test.run { stream in
            stream.track { _ in for await _ in gate {} }
            stream.whenSettled { settled.add(.clientGone) }
            stream.end(.clientGone)
        }
        #expect(settled.all.isEmpty && test.ends.all == [.clientGone])
        opening.finish()
        try await eventually("the end of the track") {
            await test.channel.testingEventLoop.run()
            return settled.all == [.clientGone]
        }
        try await test.run { $0.whenSettled { settled.add(.failed) } }
        #expect(settled.all == [.clientGone, .failed])
        try await test.finish()
    }

    @Test func `A stream cannot begin on a closed connection`() async throws {
        let test = try await TestStream.begin()
        try await test.finish()
        let other = try EventStream.ofTest(on: test.channel.eventLoop)
        await #expect(throws: ChannelError.ioOnClosedChannel) {
            try await test.channel.testingEventLoop.executeInContext {
                try other.assumeIsolated {
                    try $0.begin(on: test.channel, isChunked: true, onUnboundedSilence: { _ in })
                }
            }
        }
    }
}
