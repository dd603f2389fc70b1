// Rollcall · Enrichment

package import Logging
import Metrics
package import Postgres
import Presence
import ServiceLifecycle
import Synchronization

/// Listens to changes of data over a connection of its own, and passes their keys to the hook.
///
/// A notification is a hint: if one is lost, the data is old until the `ttl` of its rule has passed. After each new
/// connection all known data is fetched again, since notifications may have been missed. A probe finds out whether
/// notifications arrive at all.
package final class ChangeListener: Service {
    /// The channel that the triggers of the migrations notify, with the key as payload.
    package static let channel = ProfilesTable.standard.channel

    private struct State {
        var probe = ListenProbe()
        /// Why no connection listens; nil also until the first attempt has ended.
        var failure: PostgresError?
    }

    private static let connectTimeout = Duration.seconds(5)
    /// How long a connection may be silent before it is checked with a statement.
    private static let silence = Duration.seconds(30)
    private static let notifyTimeout = Duration.seconds(3)

    private let url: PostgresURL
    private let channel: String
    private let hook: FetchHook
    private let pool: PostgresPool
    private let logger: Logger
    private let notifications = Counter(label: "rollcall_fetch_notifications_total")
    private let state = Mutex(State())

    /// - Parameters:
    ///   - channel: the channel to listen to.
    ///   - pool: sends the probes, over other connections than the one that listens. Another service runs it.
    package init(
        url: PostgresURL, channel: String = ChangeListener.channel, hook: FetchHook, pool: PostgresPool, logger: Logger
    ) {
        self.url = url
        self.channel = channel
        self.hook = hook
        self.pool = pool
        self.logger = logger
    }

    /// Why notifications do not arrive; nil while they do; any thread.
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
                let (pause, isNews) = attempts.pause(lived: lived, isPermanent: reason.isPermanent)
                // The pool logs an outage of the database itself.
                let level: Logger.Level = isNews && self.pool.fault == nil ? .warning : .debug
                self.logger.log(
                    level: level, "Cannot listen to changes of data",
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
            logger.info("Listening to changes of data", metadata: ["postgres": "\(url)"])
            // Only now: later changes are notified.
            hook.refetchAll()
            let reason = await withTaskGroup(of: PostgresError?.self) { group in
                group.addTask { await self.follow(connection) }
                group.addTask {
                    await self.keepProbing()
                    return nil
                }
                // Probing ends by cancellation only, so the first to end is the connection.
                let reason = await group.next() ?? nil
                group.cancelAll()
                return reason
            }
            return (reason ?? PostgresError(.lost, "the listener was stopped"), start.duration(to: .now))
        } catch {
            return (error, .zero)
        }
    }

    /// Takes notifications until the connection ends; returns the reason.
    private func follow(_ connection: PostgresConnection) async -> PostgresError {
        do throws(PostgresError) {
            while true {
                let received = try await connection.notifications(within: Self.silence)
                if received.isEmpty {
                    _ = try await connection.query("SELECT 1", timeout: Self.connectTimeout)
                } else {
                    take(received.map(\.payload))
                }
            }
        } catch {
            return error
        }
    }

    private func take(_ payloads: [String]) {
        for payload in payloads where ListenProbe.isProbe(payload) {
            report(state.withLock { $0.probe.heard(payload) })
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
            // Without a connection the probe proves nothing, and the pool logs that.
            let transition = state.withLock { state -> ListenProbe.Transition? in
                if error.code == .refused { return state.probe.refused(error.advice) }
                state.probe.abandon()
                return nil
            }
            return report(transition)
        }
        guard (try? await Task.sleep(for: ListenProbe.patience)) != nil else { return }
        report(state.withLock { $0.probe.advance(to: .now) })
    }

    private func report(_ transition: ListenProbe.Transition?) {
        switch transition {
        case nil: break
        case .silent(let reason):
            logger.warning(
                "enrichment: notifications do not arrive", metadata: ["postgres": "\(url)", "reason": "\(reason)"])
        case .audible:
            logger.info("enrichment: notifications arrive", metadata: ["postgres": "\(url)"])
            // Changes until now were not notified.
            hook.refetchAll()
        }
    }
}

/// The pauses between attempts to listen: pure but for the jitter, which spreads the nodes that lost one database.
struct ListenerAttempts: Sendable {
    static let shortest = Duration.milliseconds(50)
    static let longest = Duration.seconds(1)
    /// The pause after an error that only an operator can end.
    static let permanent = Duration.seconds(5)

    private var failures = 0

    /// Returns the pause after a connection that lived so long, and whether its end is to be logged as a warning.
    mutating func pause(
        lived: Duration, isPermanent: Bool = false, jitter: Double = .random(in: 0.5...1)
    ) -> (pause: Duration, isNews: Bool) {
        failures = lived > Self.longest ? 1 : failures + 1
        let step = min(Self.shortest * (1 << min(failures - 1, 10)), Self.longest)
        return ((isPermanent ? Self.permanent : step) * jitter, failures == 1)
    }
}
