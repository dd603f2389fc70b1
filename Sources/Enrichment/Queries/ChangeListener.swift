// Rollcall · Enrichment

import Basics
package import Logging
import Metrics
package import Postgres
import PresenceModel
import ServiceLifecycle
import Synchronization

/// Listens for notifications of changed data on a connection of its own, and passes their keys to the fetch hook.
///
/// If a notification is lost, a node shows old data until the `ttl` of the rule has passed. After each connect the
/// hook fetches all known data again, because notifications may have been lost. ``ListenProbe`` checks whether
/// notifications arrive at all.
package final class ChangeListener: Service {
    /// The channel that the triggers of the migrations notify, with the key as payload.
    package static let channel = ProfilesTable.standard.channel

    private struct State {
        var probe = ListenProbe()
        /// Why no connection listens; nil while one listens, and until the first attempt has ended.
        var failure: PostgresError?
    }

    private static let connectTimeout = Duration.seconds(5)
    /// After this time without a notification the listener checks its connection with a statement.
    private static let idleTimeout = Duration.seconds(30)
    private static let notifyTimeout = Duration.seconds(3)

    private let url: PostgresURL
    private let channel: String
    private let hook: FetchHook
    private let pool: PostgresPool
    private let logger: Logger
    private let notifications = Counter(label: "rollcall_fetch_notifications_total")
    private let state = Mutex(State())

    /// - Parameter pool: sends the probes, over other connections than the one that listens. Another service runs it.
    package init(
        url: PostgresURL, channel: String = ChangeListener.channel, hook: FetchHook, pool: PostgresPool, logger: Logger
    ) {
        self.url = url
        self.channel = channel
        self.hook = hook
        self.pool = pool
        self.logger = logger
    }

    /// Why notifications do not arrive; nil while they arrive, and while that is unknown; any thread.
    package var fault: String? {
        state.withLock { state in state.failure.map { "cannot listen: \($0.advice)" } ?? state.probe.fault }
    }

    /// Listens until graceful shutdown or cancellation, and reconnects after each error; call it once.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var attempts = ListenerAttempts()
            while !Task.isCancelled {
                let (reason, lived) = await self.listen()
                guard !Task.isCancelled else { return }
                self.state.withLock { state in
                    state.failure = reason
                    state.probe.abandon()
                }
                let (pause, isFirst) = attempts.pause(lived: lived, isPermanent: reason.isPermanent)
                // The pool logs an outage of the database itself.
                let level: Logger.Level = isFirst && self.pool.fault == nil ? .warning : .debug
                self.logger.log(
                    level: level, "enrichment: cannot listen for changes",
                    metadata: ["postgres": "\(self.url)", "reason": "\(reason.advice)"])
                try? await Task.sleep(for: pause)
            }
        }
    }

    /// Listens over one connection until it ends; returns the reason, and how long it listened.
    private func listen() async -> (reason: PostgresError, lived: Duration) {
        do throws(PostgresError) {
            let connection = try await PostgresConnection.connect(to: url, timeout: Self.connectTimeout, logger: logger)
            defer { connection.close() }
            try await connection.listen(to: channel)
            let start = ContinuousClock.now
            state.withLock { $0.failure = nil }
            logger.info("enrichment: listening for changes", metadata: ["postgres": "\(url)"])
            // After LISTEN, because PostgreSQL notifies only of later changes.
            hook.refetchAll()
            let reason = await withTaskGroup(of: PostgresError?.self) { group in
                group.addTask { await self.receive(from: connection) }
                group.addTask {
                    await self.keepProbing()
                    return nil
                }
                // Only a cancellation ends the probing, so the first task to end is the one of the connection.
                let reason = await group.next() ?? nil
                group.cancelAll()
                return reason
            }
            return (reason ?? PostgresError(.lost, "the listener was stopped"), start.duration(to: .now))
        } catch {
            return (error, .zero)
        }
    }

    /// Passes on notifications until the connection ends; returns the reason.
    private func receive(from connection: PostgresConnection) async -> PostgresError {
        do throws(PostgresError) {
            while true {
                let received = try await connection.notifications(within: Self.idleTimeout)
                if received.isEmpty {
                    _ = try await connection.query("SELECT 1", timeout: Self.connectTimeout)
                } else {
                    handle(received.map(\.payload))
                }
            }
        } catch {
            return error
        }
    }

    private func handle(_ payloads: [String]) {
        for payload in payloads where ListenProbe.isProbe(payload) {
            report(state.withLock { $0.probe.receive(payload) })
        }
        let changes = payloads.filter { !ListenProbe.isProbe($0) }
        guard !changes.isEmpty else { return }
        notifications.increment(by: changes.count)
        let keys = Set(changes.compactMap { Key(utf8: $0.utf8) })
        hook.invalidate(Array(keys))
    }
}

// MARK: - The probe

extension ChangeListener {
    private func keepProbing() async {
        while !Task.isCancelled {
            await probe()
            let pause = state.withLock { $0.probe.pause }
            try? await Task.sleep(for: pause * .random(in: 0.8...1.2))
        }
    }

    private func probe() async {
        let payload = state.withLock { $0.probe.begin(at: .now) }
        do throws(PostgresError) {
            _ = try await pool.query(
                "SELECT pg_notify($1, $2)", [.text(channel), .text(payload)], timeout: Self.notifyTimeout)
        } catch {
            // Without a connection the probe proves nothing, and the pool logs the outage.
            let transition = state.withLock { state -> ListenProbe.Transition? in
                if error.code == .refused { return state.probe.refuse(error.advice) }
                state.probe.abandon()
                return nil
            }
            return report(transition)
        }
        guard (try? await Task.sleep(for: ListenProbe.timeout)) != nil else { return }
        report(state.withLock { $0.probe.advance(to: .now) })
    }

    private func report(_ transition: ListenProbe.Transition?) {
        switch transition {
        case nil: break
        case .failed(let reason):
            logger.warning(
                "enrichment: notifications do not arrive", metadata: ["postgres": "\(url)", "reason": "\(reason)"])
        case .recovered:
            logger.info("enrichment: notifications arrive", metadata: ["postgres": "\(url)"])
            // Notifications of earlier changes were lost.
            hook.refetchAll()
        }
    }
}

/// The pauses between attempts to listen.
///
/// Pure except for the random jitter, which spreads the attempts of nodes that lost the same database.
struct ListenerAttempts: Sendable {
    static let backoff = Backoff(first: .milliseconds(50), longest: .seconds(1), permanent: .seconds(5))

    private var failures = 0

    /// Returns the pause before the next attempt, and whether this failure is the first in a row.
    ///
    /// - Parameter lived: how long the connection listened; more than ``longest`` ends the row of failures before it.
    mutating func pause(
        lived: Duration, isPermanent: Bool = false, jitter: Double = .random(in: 0.5...1)
    ) -> (pause: Duration, isFirst: Bool) {
        failures = lived > Self.backoff.longest ? 1 : failures + 1
        let pause = Self.backoff.pause(failures: failures, isPermanent: isPermanent, jitter: jitter)
        return (pause, failures == 1)
    }
}
