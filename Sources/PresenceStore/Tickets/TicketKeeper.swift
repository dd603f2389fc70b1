// Rollcall · PresenceStore

import Basics
package import Logging
package import NIOCore
import ServiceLifecycle
import Synchronization

/// Extends the tickets of this node's open streams, and ends a stream when a later opening has its ticket.
///
/// The later opening publishes a message, so the earlier stream ends within milliseconds. If the message is lost, the
/// next extension finds it out.
package final class TicketKeeper: Service, Sendable {
    private struct Stream {
        let tag: String
        let onTaken: @Sendable () -> Void
    }

    private struct State {
        /// The newest stream of each ticket, by the name of the ticket; as many as there are open streams at most.
        var streams: [String: Stream] = [:]
        /// When to extend each ticket, in seconds since ``start``.
        var extensions = Deadlines<String>()
    }

    /// Seconds between two extensions of a ticket.
    static let interval = 30.0

    private let store: PresenceStore
    private let extending: FailureEdgeLogger
    private let state = Mutex(State())
    private let start = ContinuousClock.now

    package init(store: PresenceStore, logger: Logger) {
        self.store = store
        extending = FailureEdgeLogger(work: "tickets: extension", logger: logger)
    }

    /// Seconds since the keeper was made.
    var now: Double { (ContinuousClock.now - start) / .seconds(1) }

    /// Extends a ticket that was just redeemed, until ``release(_:)``.
    ///
    /// - Parameter onTaken: Called once, and then released, when a later opening has the ticket.
    package func hold(_ use: TicketUse, onTaken: @escaping @Sendable () -> Void) {
        let time = now + Self.interval
        let earlier = state.withLock { state in
            state.extensions.set(use.name, at: time)
            return state.streams.updateValue(Stream(tag: use.tag, onTaken: onTaken), forKey: use.name)
        }
        earlier?.onTaken()
    }

    /// Ends the extensions, because the stream has ended; does nothing if a later stream has the ticket.
    package func release(_ use: TicketUse) {
        state.withLock { state in
            if state.streams[use.name]?.tag == use.tag { Self.drop(use.name, from: &state) }
        }
    }

    /// Ends the stream that a later opening replaces; called with each message on ``StoreKeys/tickets``.
    package func receive(_ message: ByteBuffer) {
        if let later = TicketUse(message) { end(later.name) { $0 != later.tag } }
    }

    /// Extends all tickets within a second, because messages may have been lost.
    package func extendSoon() {
        state.withLock { state in
            for name in state.streams.keys { state.extensions.set(name, at: 0) }
        }
    }

    /// Extends until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await every(.seconds(1)) { await self.extendDue(at: self.now) }
        }
    }

    /// Extends the tickets that are due; one that cannot be extended is due again at the next call.
    func extendDue(at now: Double) async {
        let uses = state.withLock { state in
            state.extensions.take(at: now).compactMap { name in
                state.streams[name].map { TicketUse(name: name, tag: $0.tag) }
            }
        }
        for chunk in uses.chunks(of: PresenceStore.membersPerCall) {
            await extending.watch { () throws(StoreError) in
                let outcomes: [Result<TicketOutcome, StoreError>]
                do throws(StoreError) {
                    outcomes = try await store.extendTickets(Array(chunk))
                } catch {
                    outcomes = chunk.map { _ in .failure(error) }
                }
                var fault: StoreError?
                for (use, outcome) in zip(chunk, outcomes) {
                    switch outcome {
                    case .success(let outcome): settle(use, outcome, at: now)
                    case .failure(let error):
                        fault = fault ?? error
                        extend(use, at: 0)
                    }
                }
                if let fault { throw fault }
            }
        }
    }

    private func settle(_ use: TicketUse, _ outcome: TicketOutcome, at now: Double) {
        switch outcome {
        case .done: extend(use, at: now + Self.interval)
        case .taken: end(use.name) { $0 == use.tag }
        // Redis lost the ticket. The stream was opened by right and goes on; it cannot be opened again.
        case .absent: release(use)
        }
    }

    /// Sets the time of the next extension, unless the stream has ended meanwhile.
    private func extend(_ use: TicketUse, at time: Double) {
        state.withLock { state in
            if state.streams[use.name]?.tag == use.tag { state.extensions.set(use.name, at: time) }
        }
    }

    /// Ends the stream of a ticket, if its tag is one that has lost the ticket.
    private func end(_ name: String, if hasLost: (String) -> Bool) {
        let stream = state.withLock { state -> Stream? in
            guard let stream = state.streams[name], hasLost(stream.tag) else { return nil }
            Self.drop(name, from: &state)
            return stream
        }
        stream?.onTaken()
    }

    private static func drop(_ name: String, from state: inout State) {
        state.streams[name] = nil
        state.extensions.remove(name)
    }
}
