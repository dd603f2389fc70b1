// Rollcall · PresenceServer

import Foundation
import Logging
import Metrics
import NIOCore

/// Accepts connections as ``AcceptState`` decides; the first handler of the listening socket.
///
/// After an error of `accept` the socket stays readable, and its event loop would use a whole core. So the gate stops
/// reading the socket. The gate also keeps such errors from the server, which would end at the first one.
final class AcceptGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never
    typealias OutboundOut = Never

    private static let paused = Gauge(label: "rollcall_accept_paused")
    private static let connections = Gauge(label: "rollcall_connections_open")

    private var state: AcceptState
    /// Whether the metrics show its connections.
    private let isMeasured: Bool
    private let logger: Logger
    private var isReading = true
    private var retry: Scheduled<Void>?

    private init(maximumConnections: Int?, isMeasured: Bool, logger: Logger) {
        let further = maximumConnections.map { 2 * ConnectionPlaces.reserve(for: $0) } ?? 0
        state = AcceptState(maximumConnections: maximumConnections, further: further)
        self.isMeasured = isMeasured
        self.logger = logger
    }

    /// Adds a gate before all other handlers of a listening channel.
    static func install(in channel: any Channel, maximumConnections: Int?, isMeasured: Bool, logger: Logger) async {
        do {
            try await channel.eventLoop.submit {
                // A round of accepting takes this many connections, even beyond the limit.
                let round: UInt = (maximumConnections ?? .max) < 1024 ? 1 : 16
                try channel.syncOptions?.setOption(.maxMessagesPerRead, value: round)
                try channel.pipeline.syncOperations.addHandler(
                    AcceptGate(maximumConnections: maximumConnections, isMeasured: isMeasured, logger: logger),
                    position: .first)
            }.get()
        } catch {
            logger.error("http: limit of connections is not enforced", metadata: ["error": "\(error)"])
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        context.fireChannelRead(data)
        let bound = NIOLoopBound((gate: self, context: context), eventLoop: context.eventLoop)
        channel.closeFuture.hop(to: context.eventLoop).whenComplete { _ in
            let (gate, context) = bound.value
            gate.apply(gate.state.closed(at: .now()), context)
        }
        apply(state.opened(at: .now()), context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let code = (error as? IOError)?.errnoCode
        switch code {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            apply(state.failed("\(error)", at: .now()), context)
        default:
            // One client closed its connection before it was accepted.
            logger.debug("http: accept failed", metadata: ["error": "\(error)"])
        }
    }

    private func apply(_ step: AcceptState.Step, _ context: ChannelHandlerContext) {
        if isMeasured {
            Self.connections.record(state.open)
            Self.paused.record(state.isFull || !step.accepts ? 1 : 0)
        }
        switch step.notice {
        case .full:
            logger.warning(
                "http: node is full, further connections are refused",
                metadata: ["open": "\(state.open)", "port": "\(context.localAddress?.port ?? 0)"])
        case .paused(let reason):
            logger.warning(
                "http: accepting paused, new connections wait",
                metadata: ["reason": "\(reason)", "open": "\(state.open)"])
        case .resumed:
            logger.info("http: accepting resumed", metadata: ["open": "\(state.open)"])
        case nil: break
        }
        if step.accepts != isReading {
            isReading = step.accepts
            // Holding `read` back is not enough: after an error the channel still has a read pending.
            do {
                try context.channel.syncOptions?.setOption(.autoRead, value: step.accepts)
            } catch {
                logger.debug("http: listening socket is closed", metadata: ["error": "\(error)"])
            }
        }
        guard let pause = step.retry, retry == nil else { return }
        retry = context.eventLoop.assumeIsolated().scheduleTask(in: pause) {
            self.retry = nil
            self.apply(self.state.retry(), context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { retry?.cancel() }
}
