// Rollcall · PresenceServerTests

import Logging
import NIOCore
import NIOEmbedded
import NIOTLS
import Testing

@testable import PresenceServer

@Suite("The guard of TLS handshakes")
struct HandshakeGuardTests {
    /// A connected channel with a handshake that has begun.
    private func connected() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandler(
            HandshakeGuard(timeout: .seconds(10), logger: Logger(label: "test")))
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        return channel
    }

    private func end(_ channel: EmbeddedChannel) throws { _ = try channel.finish(acceptAlreadyClosed: true) }

    @Test func `a handshake that is not over in time closes its connection`() throws {
        let channel = try connected()
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(9_999))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(!channel.isActive)
        try end(channel)
    }

    @Test func `behind a handshake that is over no guard stays`() throws {
        let channel = try connected()
        channel.pipeline.syncOperations.fireUserInboundEventTriggered(
            TLSUserEvent.handshakeCompleted(negotiatedProtocol: "http/1.1"))
        #expect(throws: ChannelPipelineError.notFound) {
            try channel.pipeline.syncOperations.handler(type: HandshakeGuard.self)
        }
        channel.embeddedEventLoop.advanceTime(by: .hours(1))
        channel.pipeline.syncOperations.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        #expect(channel.isActive)
        try end(channel)
    }

    @Test func `a handshake that is not over closes its connection when the node stops`() throws {
        let channel = try connected()
        channel.pipeline.syncOperations.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        #expect(!channel.isActive)
        try end(channel)
    }
}
