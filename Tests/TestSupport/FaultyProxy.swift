// Rollcall · TestSupport

import NIOCore
import NIOPosix
import Synchronization

/// A proxy between clients and a server on this machine that breaks their connections as networks do.
package final class FaultyProxy: Sendable {
    private struct State {
        var target: Int
        /// Connections of earlier generations are silent.
        var generation = 0
        /// The same for connections that subscribed.
        var subscriberGeneration = 0
        var isSilent = false
        var isRefusing = false
        /// The bytes of both directions, once they are recorded.
        var recorded: [UInt8]?
        var open: [ObjectIdentifier: any Channel] = [:]
        /// The channels to the server of connections that subscribed.
        var subscribers: [ObjectIdentifier: any Channel] = [:]
    }

    private let server: any Channel
    private let state: Mutex<State>

    /// Runs a proxy in front of a loopback port, and closes it after `body`.
    package static func with<Value>(
        port target: Int, isolation: isolated (any Actor)? = #isolation,
        _ body: (FaultyProxy) async throws -> sending Value
    ) async throws -> sending Value {
        let proxy = try await FaultyProxy(target: target)
        do {
            let value = try await body(proxy)
            await proxy.end()
            return value
        } catch {
            await proxy.end()
            throw error
        }
    }

    private init(target: Int) async throws {
        let box = Box()
        state = Mutex(State(target: target))
        server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { client in
                guard let proxy = box.proxy else { return client.close() }
                return proxy.accept(client)
            }
            .bind(host: "127.0.0.1", port: 0).get()
        box.set(self)
    }

    package var port: Int { server.localAddress?.port ?? 0 }

    /// The URL of a Redis behind the proxy.
    package var url: String { "redis://127.0.0.1:\(port)" }

    /// Records all bytes of both directions from now on.
    package func record() { state.withLock { $0.recorded = [] } }

    package var recorded: [UInt8] { state.withLock { $0.recorded ?? [] } }

    private func note(_ bytes: ByteBuffer) {
        state.withLock { state in
            guard state.recorded != nil else { return }
            state.recorded?.append(contentsOf: bytes.readableBytesView)
        }
    }

    /// Drops all bytes from the server on open connections; later connections work.
    package func stall() { state.withLock { $0.generation += 1 } }

    /// Drops all bytes from the server on open connections that subscribe; later connections work.
    package func stallSubscribers() { state.withLock { $0.subscriberGeneration += 1 } }

    /// Stops or resumes reading from the server on connections that subscribed: without reads they are slow readers.
    package func readsSubscriptions(_ reads: Bool) async throws {
        for channel in state.withLock({ Array($0.subscribers.values) }) {
            // A connection that has ended meanwhile has nothing to read.
            try? await channel.setOption(.autoRead, value: reads).get()
            if reads { channel.read() }
        }
    }

    /// Drops all bytes in both directions, also on new connections: a network that fails without an error.
    package func silence() {
        state.withLock { state in
            state.isSilent = true
            state.generation += 1
        }
    }

    /// Closes every connection.
    package func cut() {
        for channel in state.withLock({ Array($0.open.values) }) { channel.close(promise: nil) }
    }

    /// Closes every connection, and each new one at once.
    package func refuse() {
        state.withLock { $0.isRefusing = true }
        cut()
    }

    /// Forwards again; closes the connections if they were silent, since some of their bytes are lost.
    package func heal() {
        let wasSilent = state.withLock { state in
            defer { (state.isSilent, state.isRefusing) = (false, false) }
            return state.isSilent
        }
        if wasSilent { cut() }
    }

    /// Connects to another server from now on and closes all connections, as if the address had moved.
    package func lead(to target: Int) {
        state.withLock { $0.target = target }
        cut()
    }

    private func end() async {
        try? await server.close()
        cut()
    }

    private func accept(_ client: any Channel) -> EventLoopFuture<Void> {
        let (target, born, bornSubscriber) = state.withLock { state in
            (state.isRefusing ? nil : state.target, state.generation, state.subscriberGeneration)
        }
        guard let target else { return client.close() }
        keep(client)
        let isSubscriber = Flag()
        return ClientBootstrap(group: client.eventLoop)
            .channelInitializer { server in
                server.eventLoop.makeCompletedFuture {
                    try server.pipeline.syncOperations.addHandler(
                        Relay(to: client) { bytes in
                            self.note(bytes)
                            return self.state.withLock { state in
                                state.generation == born
                                    && (state.subscriberGeneration == bornSubscriber || !isSubscriber.isSet)
                            }
                        })
                }
            }
            .connect(host: "127.0.0.1", port: target)
            .flatMapThrowing { server in
                try client.pipeline.syncOperations.addHandler(
                    Relay(to: server) { bytes in
                        self.note(bytes)
                        if bytes.readableBytesView.contains(Self.subscribe) {
                            isSubscriber.set()
                            self.keepSubscriber(server)
                        }
                        return self.state.withLock { !$0.isSilent }
                    })
            }
    }

    private static let subscribe = Array("\r\nSUBSCRIBE\r\n".utf8)

    private func keepSubscriber(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        state.withLock { $0.subscribers[id] = channel }
        channel.closeFuture.whenComplete { _ in self.state.withLock { $0.subscribers[id] = nil } }
    }

    private func keep(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        state.withLock { $0.open[id] = channel }
        channel.closeFuture.whenComplete { _ in self.state.withLock { $0.open[id] = nil } }
    }

    /// Gives the proxy to its listener, which is made first.
    private final class Box: Sendable {
        private let value = Mutex<FaultyProxy?>(nil)
        var proxy: FaultyProxy? { value.withLock { $0 } }
        func set(_ proxy: FaultyProxy) { value.withLock { $0 = proxy } }
    }

    private final class Flag: Sendable {
        private let value = Atomic(false)
        var isSet: Bool { value.load(ordering: .relaxed) }
        func set() { value.store(true, ordering: .relaxed) }
    }

    private final class Relay: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let other: any Channel
        private let forwards: @Sendable (ByteBuffer) -> Bool

        init(to other: any Channel, forwards: @escaping @Sendable (ByteBuffer) -> Bool) {
            self.other = other
            self.forwards = forwards
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            if forwards(bytes) { other.writeAndFlush(bytes, promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
