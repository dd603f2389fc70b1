// Rollcall · PresenceStore

package import Logging
import Metrics
package import PresenceModel
import ServiceLifecycle
import Synchronization

/// Renews the leases of the presences that are bound to this node's open streams.
///
/// A stream binds its presence after the track and unbinds it when the stream ends. In between the keeper renews the
/// lease each third of the ttl, and restores the presence if Redis lost it or no longer lists this stream as a holder.
/// It drops a presence only when that was untracked. Callers of `bind` and `unbind` never wait: these change the book,
/// and ``run()`` sends the commands to Redis.
package final class LeaseKeeper: Service, Sendable {
    struct State {
        var book = LeaseBook()
        var releases = ReleaseQueue()
        var recovery = Recovery.none
        /// The time until which other nodes may still restore what Redis lost; nil before the first possible loss.
        ///
        /// Until then no presence ends at once, because Redis may have lost its holders on other nodes.
        var unsettledUntil: ContinuousClock.Instant?
    }

    /// The state of the renewal of all bindings, after Redis may have lost writes.
    enum Recovery {
        case none, due, running
    }

    static let callsInFlight = 8

    let store: PresenceStore
    /// One for each kind of call: a success of one kind does not end an outage of another.
    let renewing: FailureEdgeLogger
    let restoring: FailureEdgeLogger
    let releasing: FailureEdgeLogger
    let logger: Logger
    let droppedReleases = Counter(label: "rollcall_releases_dropped_total")
    let state = Mutex(State())
    private let wakeups: AsyncStream<Void>
    let wake: AsyncStream<Void>.Continuation

    package init(store: PresenceStore, logger: Logger) {
        self.store = store
        self.logger = logger
        self.renewing = FailureEdgeLogger(work: "leases: renewal", logger: logger)
        self.restoring = FailureEdgeLogger(work: "leases: restore", logger: logger)
        self.releasing = FailureEdgeLogger(work: "leases: release", logger: logger)
        // One pending wake-up is enough: the loop that it wakes does all pending work.
        (wakeups, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Renews this presence for this stream, until it is unbound or the presence is untracked.
    ///
    /// Called after a track with the same owner; `ttl` and `presence` are the results of that track.
    ///
    /// - Parameters:
    ///   - end: How the presence is released if the stream ends during a restore.
    ///   - onUntracked: Called once, and then released, if a restore finds that the presence was untracked and
    ///     ``drop(_:on:owner:)`` was not called.
    package func bind(
        _ member: Member, on topic: Topic, owner: StreamOwner, ttl: Int, presence: Presence,
        end: StreamPresenceEnd = .init(),
        onUntracked: @escaping @Sendable () -> Void
    ) {
        state.withLock {
            $0.book.bind(
                member, on: topic, owner: owner, ttl: ttl, presence: presence, end: end, onUntracked: onUntracked)
        }
    }

    /// Restores within a second a presence that left although its stream is open.
    package func bringBack(_ member: Member, on topic: Topic, owner: StreamOwner) {
        state.withLock { $0.book.suspect(LeaseBook.Claim(member: member, owner: owner), on: topic) }
    }

    /// Stores the newest state of a bound presence, which a restore sends.
    package func refresh(_ member: Member, on topic: Topic, presence: Presence) {
        state.withLock { $0.book.refresh(member, on: topic, presence: presence) }
    }

    /// Drops the binding of an untracked presence, so that the keeper no longer renews, restores or releases it.
    package func drop(_ member: Member, on topic: Topic, owner: StreamOwner) {
        state.withLock { _ = $0.book.unbind(member, on: topic, owner: owner) }
    }

    /// Renews all bindings within 2 s and restores missing presences.
    ///
    /// Called for each new connection, because Redis may have lost writes.
    package func recover() {
        state.withLock { state in
            state.recovery = .due
            // A node without bindings has just started, so its new connection is no sign of a loss.
            if state.book.count > 0 { state.unsettledUntil = .now + .seconds(10) }
        }
        wake.yield()
    }

    /// Renews until graceful shutdown, then sends the releases that wait.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask {
                    let start = ContinuousClock.now
                    await every(.seconds(1)) {
                        await self.renewDue(tick: 1 + Int((ContinuousClock.now - start) / .seconds(1)))
                        await self.releaseEnded()
                    }
                }
                group.addTask {
                    for await _ in self.wakeups {
                        await self.releaseEnded()
                        if self.state.withLock({ $0.recovery == .due }) { await self.recoverAll(within: .seconds(2)) }
                    }
                }
            }
        }
        await releaseEnded()
    }
}

/// How a presence is released when a stream that holds it ends.
package struct StreamPresenceEnd: Hashable, Sendable {
    /// Whole seconds that the presence stays when no other stream holds it.
    package var grace: Int
    /// Whether a stream that reconnects without a session may resume this one, because the service drew it.
    package var isResumable: Bool

    package init(grace: Int = 0, isResumable: Bool = false) {
        self.grace = grace
        self.isResumable = isResumable
    }
}
