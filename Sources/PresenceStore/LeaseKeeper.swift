// Rollcall · PresenceStore

package import Logging
import Metrics
package import Presence
import ServiceLifecycle
import Synchronization

/// Keeps the presences alive that are bound to this node's open streams.
///
/// A stream binds its presence after it has tracked it and unbinds it when it ends. In between the keeper renews the
/// lease every third of the ttl, beside other streams that hold the same session, and brings the presence back if Redis
/// has lost it or no longer lists this stream. It lets go of the presence only when that was untracked. Callers never
/// wait: bindings are noted at once, and what needs Redis is done by ``run()``.
package final class LeaseKeeper: Service, Sendable {
    struct State {
        var book = LeaseBook()
        var releases = ReleaseQueue()
        var recovery = Recovery.none
        /// Until when other nodes may still put back what a Redis lost, nil when it never lost anything.
        ///
        /// Till then a presence must not end at once, since a hold of theirs may be lost.
        var unsettledUntil: ContinuousClock.Instant?
    }

    /// Whether Redis may have lost writes that this node has not made up for.
    enum Recovery {
        case none, due, running
    }

    static let callsInFlight = 8

    let store: PresenceStore
    /// One for each kind of call, so that none reports the end of another's trouble.
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
        self.renewing = FailureEdgeLogger(work: "Renewing leases", logger: logger)
        self.restoring = FailureEdgeLogger(work: "Restoring lost presences", logger: logger)
        self.releasing = FailureEdgeLogger(work: "Ending the leases of closed streams", logger: logger)
        // One wake-up stands for all: whoever wakes does all there is to do.
        (wakeups, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// How many presences are bound, each once for each of its streams.
    package var count: Int { state.withLock { $0.book.count } }

    /// Renews this presence from now on, for this stream, until it is unbound or the presence is untracked.
    ///
    /// To be called after a track with the same owner, whose ttl and presence these are.
    ///
    /// - Parameters:
    ///   - end: How the presence is released should the stream end while the presence is brought back.
    ///   - onUntracked: Called, and let go of, when the presence turns out to be untracked though ``drop(_:on:owner:)``
    ///     was not called.
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

    /// Has a presence brought back that left though its stream is open, within a second.
    package func bringBack(_ member: Member, on topic: Topic, owner: StreamOwner) {
        state.withLock { $0.book.suspect(LeaseBook.Claim(member: member, owner: owner), on: topic) }
    }

    /// Notes the newest state of a bound presence, for when it must be restored.
    package func refresh(_ member: Member, on topic: Topic, presence: Presence) {
        state.withLock { $0.book.refresh(member, on: topic, presence: presence) }
    }

    /// Lets go of a presence that somebody has untracked: it is neither renewed nor restored nor released.
    package func drop(_ member: Member, on topic: Topic, owner: StreamOwner) {
        state.withLock { _ = $0.book.unbind(member, on: topic, owner: owner) }
    }

    /// Renews everything within two seconds and restores what is missing: for a connection that is new, and with it
    /// perhaps a Redis that has lost writes.
    package func recover() {
        state.withLock { state in
            state.recovery = .due
            // A node that holds nothing has only started: that is no sign of a loss.
            if state.book.count > 0 { state.unsettledUntil = .now + .seconds(10) }
        }
        wake.yield()
    }

    /// Renews until graceful shutdown, then sends the ends of streams to Redis.
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
