// Rollcall · Enrichment

package import Logging
import Metrics
package import Postgres
import Presence
import ServiceLifecycle

/// Tells a hook whose data changed, as the database notifies it, over a connection of its own.
///
/// A notification is a hint: one that is lost costs freshness until a value's time is over. What may have been missed
/// before a connection stood is made up for by fetching anew all that is known.
package struct ChangeListener: Service {
    /// The channel that the migrations' triggers notify, with the key as payload.
    package static let channel = "rollcall_profiles"

    private static let connectTimeout = Duration.seconds(5)
    /// How long a connection may be silent before it must show that it lives.
    private static let silence = Duration.seconds(30)

    private let url: PostgresURL
    private let channel: String
    private let hook: FetchHook
    private let logger: Logger
    private let notifications = Counter(label: "rollcall_fetch_notifications_total")

    package init(url: PostgresURL, channel: String = Self.channel, hook: FetchHook, logger: Logger) {
        self.url = url
        self.channel = channel
        self.hook = hook
        self.logger = logger
    }

    /// Listens until graceful shutdown or cancellation, over all reconnects.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var attempts = ListenerAttempts()
            while !Task.isCancelled {
                let (reason, lived) = await self.listen()
                guard !Task.isCancelled else { return }
                let (pause, isNews) = attempts.pause(lived: lived)
                self.logger.log(
                    level: isNews ? .warning : .debug, "Cannot listen to changes of data",
                    metadata: ["postgres": "\(self.url)", "reason": "\(reason)"])
                try? await Task.sleep(for: pause)
            }
        }
    }

    /// Listens over one connection until its end, of which it gives the reason, and how long that went well.
    private func listen() async -> (reason: PostgresError, lived: Duration) {
        var start: ContinuousClock.Instant?
        do throws(PostgresError) {
            let connection = try await PostgresConnection.connect(to: url, timeout: Self.connectTimeout, logger: logger)
            defer { connection.close() }
            try await connection.listen(to: channel)
            start = .now
            logger.info("Listening to changes of data", metadata: ["postgres": "\(url)"])
            // Only now: what changes from here on is notified.
            hook.revalidate()
            while true {
                let received = try await connection.notifications(within: Self.silence)
                if received.isEmpty {
                    _ = try await connection.query("SELECT 1", timeout: Self.connectTimeout)
                } else {
                    tell(received)
                }
            }
        } catch {
            return (error, start?.duration(to: .now) ?? .zero)
        }
    }

    private func tell(_ received: [PostgresNotification]) {
        notifications.increment(by: received.count)
        let keys = Set(received.compactMap { Key(utf8: $0.payload.utf8) })
        hook.invalidate(Array(keys))
    }
}

/// Says how long to wait before the next attempt to listen; pure but for chance.
struct ListenerAttempts: Sendable {
    static let shortest = Duration.milliseconds(50)
    static let longest = Duration.seconds(1)

    private var failures = 0

    /// Gives the pause after a connection that lived so long, if at all, and whether its end is news.
    ///
    /// Many nodes that lose one database at once come back to it spread out.
    mutating func pause(
        lived: Duration, jitter: Double = .random(in: 0.5...1)
    ) -> (pause: Duration, isNews: Bool) {
        failures = lived > Self.longest ? 1 : failures + 1
        let step = min(Self.shortest * (1 << min(failures - 1, 10)), Self.longest)
        return (step * jitter, failures == 1)
    }
}
