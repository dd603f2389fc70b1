// Rollcall · PresenceServerTests

import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import PresenceServer

/// A stream on a real socket, on both ways out: with `send(2)`, and through the pipeline alone.
@Suite("A stream on a socket")
struct StreamSocketTests {
    /// Frames of many sizes, with bytes that show their order: 6 MiB, more than any socket takes at once.
    private static let frames: [ByteBuffer] = (0..<120).map { number in
        ByteBuffer(repeating: UInt8(ascii: "a") + UInt8(number % 26), count: [1, 300, 5000, 200_000][number % 4])
    }

    private static var bytes: [UInt8] { frames.flatMap { Array($0.readableBytesView) } }

    @Test func `Events go past NIO if the option permits it and no handler stands before the stream`() async throws {
        func isDirect(_ permitted: Bool, _ before: @escaping @Sendable () -> [any ChannelHandler]) async throws -> Bool
        {
            try await SocketStream.with(sendsDirectly: permitted, before: before) { test in
                try await test.withConnection { $0.sendsDirectly }
            }
        }
        #expect(try await isDirect(true) { [] })
        #expect(try await !isDirect(false) { [] })
        #expect(try await !isDirect(true) { [Upcased()] })
    }

    @Test(arguments: [true, false])
    func `A handler between the stream and the socket gets every byte`(sendsDirectly: Bool) async throws {
        try await SocketStream.with(sendsDirectly: sendsDirectly, before: { [Upcased()] }) { test in
            try await test.run { stream in
                stream.open(with: ByteBuffer(string: "head "))
                for frame in Self.frames { stream.send(frame) }
            }
            let expected = Array("HEAD ".utf8) + Self.bytes.map { $0 - 32 }
            #expect(try await test.read(exactly: expected.count) == expected)
            try await test.run { $0.end(.draining) }
            let last = String(decoding: try await test.readToEnd(), as: UTF8.self)
            #expect(last.hasSuffix("\r\n0\r\n\r\n") && last == last.uppercased())
        }
    }

    @Test(arguments: [true, false])
    func `A client that reads late gets all bytes in order, and the last chunk`(sendsDirectly: Bool) async throws {
        try await SocketStream.with(sendsDirectly: sendsDirectly) { test in
            try await test.run { stream in
                stream.open(with: ByteBuffer(string: "head "))
                for frame in Self.frames { stream.send(frame) }
            }
            #expect(try await test.withConnection { !$0.isWritable && $0.unsentBytes > 0 && $0.unreadBytes > 0 })
            let expected = Array("head ".utf8) + Self.bytes
            #expect(try await test.read(exactly: expected.count) == expected)
            try await test.run { $0.send(ByteBuffer(string: "more")) }
            #expect(try await test.read(exactly: 4) == Array("more".utf8))
            try await test.run { $0.end(.draining) }
            #expect(String(decoding: try await test.readToEnd(), as: UTF8.self).hasSuffix("\r\n0\r\n\r\n"))
            #expect(test.ends.all == [.draining])
        }
    }

    @Test(arguments: [true, false])
    func `A client that reads nothing ends the stream as unread`(sendsDirectly: Bool) async throws {
        var options = StreamOptions()
        options.stuckReaderAge = .milliseconds(50)
        try await SocketStream.with(sendsDirectly: sendsDirectly, options: options) { test in
            try await test.run { stream in for frame in Self.frames { stream.send(frame) } }
            try await eventually("the end of the stream") { !test.ends.all.isEmpty }
            #expect(test.ends.all == [.unread])
        }
    }

    @Test(arguments: [true, false], [true, false])
    func `A client that disconnects ends the stream once, also amid a write`(
        sendsDirectly: Bool, isAmidWrite: Bool
    ) async throws {
        try await SocketStream.with(sendsDirectly: sendsDirectly) { test in
            if isAmidWrite {
                try await test.run { stream in for frame in Self.frames { stream.send(frame) } }
                #expect(try await test.withConnection { $0.unsentBytes > 0 })
            }
            test.disconnect()
            try await eventually("the end of the stream") { !test.ends.all.isEmpty }
            try await test.run { $0.send(ByteBuffer(string: "late")) }
            try await test.channel.closeFuture.get()
            #expect(test.ends.all == [.clientGone])
        }
    }

    /// The event loop learns of the end only after this turn, so the write itself gets the error.
    @Test(arguments: [true, false])
    func `A write to a client that has just disconnected closes the channel`(
        sendsDirectly: Bool
    ) async throws {
        try await SocketStream.with(sendsDirectly: sendsDirectly) { test in
            try await test.run { stream in
                test.disconnect()
                stream.send(ByteBuffer(string: "late"))
                stream.send(ByteBuffer(string: "later"))
            }
            try await test.channel.closeFuture.get()
            #expect(test.ends.all == [.clientGone])
        }
    }

    #if os(Linux)
        @Test func `The kernel drops a client that acknowledges nothing for as long as a reader may be stuck`()
            async throws
        {
            let group = MultiThreadedEventLoopGroup.singleton
            let server = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
            let channel = try await ClientBootstrap(group: group).connect(to: #require(server.localAddress)).get()
            var options = StreamOptions()
            options.stuckReaderAge = .seconds(7)
            let stream = try EventStream.ofTest(on: channel.eventLoop, options: options)
            let milliseconds = try await channel.eventLoop.submit {
                try stream.assumeIsolated {
                    try $0.begin(on: channel, isChunked: true, onUnboundedSilence: { Issue.record($0) })
                }
                // TCP_USER_TIMEOUT of linux/tcp.h.
                let option = ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: 18))
                return try channel.syncOptions?.getOption(option)
            }.get()
            #expect(milliseconds == 7000)
            try await channel.eventLoop.submit { stream.assumeIsolated { $0.end(.failed) } }.get()
            try await channel.closeFuture.get()
            try await server.close()
        }
    #endif

    @Test(arguments: [true, false])
    func `Bytes that were written before the stream began go first`(sendsDirectly: Bool) async throws {
        try await SocketStream.with(sendsDirectly: sendsDirectly, answer: "answer, ") { test in
            try await test.run { $0.open(with: ByteBuffer(string: "stream")) }
            #expect(try await test.read(exactly: 14) == Array("answer, stream".utf8))
        }
    }
}
