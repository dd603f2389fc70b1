// Rollcall · PresenceServer

package import Access
import Foundation
import Logging
import Metrics
package import NIOCore
import PhoenixSocket
import Synchronization

/// All open streams and sockets of a node: it pings them, counts them, and ends them when the node shuts down.
package final class StreamRegistry: Sendable {
    private let loops: [ObjectIdentifier: StreamLoop]
    private let draining = Atomic(false)
    private let open = Atomic(0)
    private let hasLoggedSilence = Atomic(false)
    private let gauge = Gauge(label: "rollcall_streams_open")
    private let ended: [StreamEnd: Counter]
    private let openSockets = Atomic(0)
    private let channels = Atomic(0)
    private let socketGauge = Gauge(label: "rollcall_sockets_open")
    private let channelGauge = Gauge(label: "rollcall_channels_open")
    /// By the code of the close frame; nil for a socket that ended without one.
    private let closed: [CloseCode?: Counter]
    private let joins: [JoinOutcome: Counter]
    /// The budget for frames that wait for slow readers.
    let budget: QueueBudget
    let credentials: Credentials

    package init(
        eventLoopGroup: any EventLoopGroup, options: StreamOptions, budget: QueueBudget, credentials: Credentials
    ) {
        self.budget = budget
        self.credentials = credentials
        ended = Dictionary(
            uniqueKeysWithValues: StreamEnd.allCases.map {
                ($0, Counter(label: "rollcall_streams_ended_total", dimensions: [("reason", $0.rawValue)]))
            })
        var codes: [CloseCode?] = [nil]
        codes += CloseCode.allCases.map { Optional($0) }
        closed = Dictionary(
            uniqueKeysWithValues: codes.map { code in
                let label = code.map { String($0.rawValue) } ?? "none"
                return (code, Counter(label: "rollcall_sockets_closed_total", dimensions: [("code", label)]))
            })
        joins = Dictionary(
            uniqueKeysWithValues: JoinOutcome.allCases.map {
                ($0, Counter(label: "rollcall_joins_total", dimensions: [("outcome", $0.rawValue)]))
            })
        loops = Dictionary(
            uniqueKeysWithValues: eventLoopGroup.makeIterator().map {
                (ObjectIdentifier($0), StreamLoop(loop: $0, options: options))
            })
    }

    /// Whether the node shuts down: new streams end at once, and their clients reconnect to another node.
    package var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// Ends every stream, spread over `time` so that clients do not all reconnect at the same moment.
    package func drain(over time: TimeAmount) async {
        draining.store(true, ordering: .relaxed)
        await withTaskGroup(of: Void.self) { group in
            for loop in loops.values { group.addTask { await loop.drain(over: time) } }
        }
    }

    /// Ends the streams of credentials with a key that is retired.
    package func endStreamsOfRetiredKeys() async {
        for loop in loops.values { await loop.endUnlessHeld(by: credentials) }
    }

    /// Ends the streams that revocations refuse.
    package func endStreams(refusedBy revocations: Revocations) async {
        for loop in loops.values { await loop.end(refusedBy: revocations) }
    }

    /// Logs, once in the life of the node, that vanished clients are found late.
    func noteUnboundedSilence(_ error: any Error, logger: Logger) {
        guard !hasLoggedSilence.exchange(true, ordering: .relaxed) else { return }
        logger.warning("streams: TCP_USER_TIMEOUT cannot be set", metadata: ["error": "\(error)"])
    }

    /// Keeps a stream that has begun until it has ended and its presence is no longer being tracked.
    ///
    /// While the node drains the stream ends at once. It begins all the same, because browsers never retry after an
    /// error status.
    func keep(_ stream: isolated EventStream, logger: Logger) {
        guard let loop = loops[ObjectIdentifier(stream.loop)] else { return }
        gauge.record(open.add(1, ordering: .relaxed).newValue)
        let kept = OpenStream.events(stream)
        loop.assumeIsolated { $0.add(kept) }
        // Since the request was checked, the credential may have ended or been revoked, or its key retired.
        let now = Date().timeIntervalSince1970
        stream.endIfExpired(at: now)
        stream.endUnlessHeld(by: credentials)
        stream.end(refusedBy: credentials.revocations, at: now)
        stream.whenEnded { reason in
            self.gauge.record(self.open.subtract(1, ordering: .relaxed).newValue)
            self.ended[reason]?.increment()
            logger.debug("streams: stream ended", metadata: ["reason": "\(reason.rawValue)"])
        }
        // While a track runs, the drain of the node waits for it, also when the client has gone.
        stream.whenSettled { loop.assumeIsolated { $0.remove(kept) } }
    }

    // MARK: Sockets

    /// Keeps a socket that has begun until it has ended and all its presences are released.
    func keep(_ socket: isolated ClientSocket) {
        guard let loop = loops[ObjectIdentifier(socket.loop)] else { return }
        socketGauge.record(openSockets.add(1, ordering: .relaxed).newValue)
        let kept = OpenStream.socket(socket)
        socket.whenEnded { end in
            self.socketGauge.record(self.openSockets.subtract(1, ordering: .relaxed).newValue)
            self.closed[end.code]?.increment()
        }
        loop.assumeIsolated { $0.add(kept) }
        // Since the request was checked, the credential may have ended or been revoked, or its key retired.
        socket.endUnlessHeld(by: credentials)
        socket.end(refusedBy: credentials.revocations, at: Date().timeIntervalSince1970)
        socket.whenSettled { loop.assumeIsolated { $0.remove(kept) } }
    }

    func addChannels(_ count: Int) {
        channelGauge.record(channels.add(count, ordering: .relaxed).newValue)
    }

    /// Counts an answer to a join.
    func count(_ outcome: JoinOutcome) { joins[outcome]?.increment() }
}
