// Rollcall · PresenceServerTests

import Access
import Foundation
import NIOCore
import NIOEmbedded
import PhoenixSocket
import PresenceModel
import TestSupport
import Testing

@testable import PresenceServer

/// A socket on its connection, on a node that does not reach Redis.
@Suite("A Phoenix socket on its connection")
struct ClientSocketTests {
    private static let heartbeat = #"[null,"1","phoenix","heartbeat",{}]"#
    private static let answer = #"[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]"#

    @Test func `a heartbeat is answered, also if its frame comes byte by byte`() async throws {
        let test = try await TestClientSocket.begin()
        try await test.send(Self.heartbeat)
        #expect(try await test.received() == [.text(Self.answer)])
        for byte in TestClientSocket.frame(1, Array(Self.heartbeat.utf8)).readableBytesView {
            try await test.send(ByteBuffer(bytes: [byte]))
        }
        #expect(try await test.received() == [.text(Self.answer)])
        try await test.finish()
    }

    @Test func `on version 1 messages are objects`() async throws {
        let test = try await TestClientSocket.begin("")
        try await test.send(#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}"#)
        let texts = try await test.received().map(\.text)
        #expect(
            texts == [#"{"topic":"phoenix","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"1"}"#])
        try await test.finish()
    }

    @Test func `a ping is answered with its bytes, and the socket's own ping is empty, and not sent before its time`()
        async throws
    {
        let test = try await TestClientSocket.begin()
        try await test.send(TestClientSocket.frame(9, [1, 2, 3]))
        #expect(try await test.received() == [.init(opcode: 10, payload: [1, 2, 3])])
        let next = try await test.run { $0.passDeadline(at: .now()) }
        #expect(next != nil)
        #expect(try await test.received() == [], "no step is due")
        try await test.run { $0.output?.ping() }
        #expect(try await test.received() == [.init(opcode: 9, payload: [])])
        try await test.finish()
    }

    @Test(arguments: [
        (SocketEnd.draining, 1012), (.tokenExpired, 1008), (.revoked, 1008), (.slow, 1013), (.failed, 1011),
        (.silent, 1001),
    ])
    func `an end has its close code, and the connection closes at the client's close frame`(
        end: SocketEnd, code: Int
    ) async throws {
        let test = try await TestClientSocket.begin()
        try await test.run { $0.handle(.ended(end)) }
        #expect(try await test.received().map(\.code) == [code])
        #expect(test.channel.isActive && test.ends.all == [end])
        try await test.send(Self.heartbeat)
        #expect(try await test.received() == [])
        try await test.send(TestClientSocket.frame(8, [3, 0xE8]))
        #expect(!test.channel.isActive && test.ends.all == [end])
        try await test.finish()
    }

    @Test func `a client that does not answer the close frame is disconnected after a second`() async throws {
        let test = try await TestClientSocket.begin()
        try await test.run { $0.handle(.ended(.draining)) }
        await test.channel.testingEventLoop.advanceTime(by: .milliseconds(999))
        #expect(test.channel.isActive)
        await test.channel.testingEventLoop.advanceTime(by: .milliseconds(1))
        #expect(!test.channel.isActive)
        try await test.finish()
    }

    @Test(arguments: [[3, 0xE9], []] as [[UInt8]])
    func `the client's close frame is given back, and the connection closes`(payload: [UInt8]) async throws {
        let test = try await TestClientSocket.begin()
        try await test.send(TestClientSocket.frame(8, payload))
        #expect(try await test.received() == [.init(opcode: 8, payload: payload)])
        #expect(!test.channel.isActive && test.ends.all == [.closedByClient])
        try await test.finish()
    }

    private static let unreadable: [(bytes: ByteBuffer, code: Int)] = [
        (TestClientSocket.frame(1, Array(heartbeat.utf8), isMasked: false), 1002),
        (TestClientSocket.frame(3, []), 1002), (TestClientSocket.frame(1, Array("[1]".utf8)), 1007),
        (TestClientSocket.frame(1, [0xFF]), 1007),
        (TestClientSocket.frame(1, [UInt8](repeating: 0x20, count: 65_537)), 1009),
    ]

    @Test(arguments: ClientSocketTests.unreadable)
    func `bytes that cannot be read close the socket with their code, once`(bytes: ByteBuffer, code: Int) async throws {
        let test = try await TestClientSocket.begin()
        var twice = bytes
        twice.writeImmutableBuffer(bytes)
        try await test.send(twice)
        #expect(try await test.received().map(\.code) == [code])
        // The node has ended its output, with which this channel closes as a whole.
        #expect(test.ends.all.count == 1 && !test.channel.isActive)
        try await test.finish()
    }

    @Test func `a client that closes its direction, or the connection, ends the socket`() async throws {
        for isHalf in [true, false] {
            let test = try await TestClientSocket.begin()
            try await test.run { _ in
                let pipeline = test.channel.pipeline.syncOperations
                if isHalf {
                    pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
                } else {
                    pipeline.fireChannelInactive()
                }
            }
            #expect(test.ends.all == [.connectionLost])
            #expect(try await test.received() == [])
            try await test.finish()
        }
    }

    @Test func `a socket reads nothing while its client takes nothing`() async throws {
        let test = try await TestClientSocket.begin()
        #expect(try await test.reads() > 0)
        try await test.setWritable(false)
        _ = try await test.reads()
        try await test.send(TestClientSocket.frame(9, [1]))
        try await test.send(TestClientSocket.frame(9, [2]))
        try await test.send(Self.heartbeat)
        #expect(try await test.reads() == 0)
        #expect(try await test.received() == [])
        try await test.setWritable(true)
        #expect(try await test.reads() > 0)
        // Of several pings the last one is answered.
        #expect(try await test.received() == [.text(Self.answer), .init(opcode: 10, payload: [2])])
        try await test.finish()
    }

    @Test func `an observer joins without Redis, and a join with a key is refused in time`() async throws {
        let test = try await TestClientSocket.begin()
        try await test.send(#"["1","1","room:lobby","phx_join",{}]"#)
        #expect(
            try await test.next() == .text(#"["1","1","room:lobby","phx_reply",{"status":"ok","response":{}}]"#))
        let start = ContinuousClock.now
        try await test.send(#"["2","2","room:yard","phx_join",{"key":"alice"}]"#)
        #expect(
            try await test.next()
                == .text(#"["2","2","room:yard","phx_reply",{"status":"error","response":{"reason":"unavailable"}}]"#))
        #expect(ContinuousClock.now - start < .seconds(8))
        let channels = try await test.run { $0.channels.count }
        #expect(channels == 1)
        try await test.run { $0.handle(.ended(.draining)) }
        let left = try await test.run { $0.channels.count }
        #expect(left == 0)
        try await test.finish()
    }
}
