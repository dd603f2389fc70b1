// Rollcall · PresenceStore

package import Logging
package import Presence
import ServiceLifecycle
import Synchronization

/// Keeps the presences alive that are bound to this node's open streams.
///
/// A stream binds its presence after it has tracked it and unbinds it when it ends. In between the keeper renews the
/// lease every third of the ttl, brings the presence back if Redis has lost it, and lets go of it when Redis says that
/// another stream has taken the session over or that somebody has untracked it. Callers never wait: bindings are noted
/// at once, and what needs Redis is done by ``run()``.
package final class LeaseKeeper: Service, Sendable {
    struct State {
        var book = LeaseBook()
        /// Ends of streams that Redis has not been told of.
        ///
        /// At the bound a further one is dropped: that presence ends when its lease is over, as expired.
        var releases: [PendingRelease] = []
        var recovery = Recovery.none
    }

    /// Whether Redis may have lost writes that this node has not made up for.
    enum Recovery {
        case none, due, running
    }

    struct PendingRelease {
        let topic: Topic
        let item: Releasing
    }

    /// Ends of streams that wait for Redis; at the bound further ones are not told, and those leases run out.
    private static let maximumReleases = 100_000
    static let callsInFlight = 8

    let store: PresenceStore
    /// One for each kind of call, so that none reports the end of another's trouble.
    let renewing: Outage
    let restoring: Outage
    private let releasing: Outage
    let state = Mutex(State())
    private let wakeups: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    package init(store: PresenceStore, logger: Logger) {
        self.store = store
        self.renewing = Outage(work: "Renewing leases", logger: logger)
        self.restoring = Outage(work: "Restoring lost presences", logger: logger)
        self.releasing = Outage(work: "Ending the leases of closed streams", logger: logger)
        // One wake-up stands for all: whoever wakes does all there is to do.
        (wakeups, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// How many presences are bound, each once for each of its streams.
    package var count: Int { state.withLock { $0.book.count } }

    /// Renews this presence from now on, for this stream, as long as Redis says that it is this stream's.
    ///
    /// To be called after a track with the same owner, whose ttl and presence these are.
    ///
    /// - Parameter onUntracked: Called, and let go of, when the presence turns out to be untracked though nobody
    ///   called ``drop(_:on:owner:)``.
    package func bind(
        _ member: Member, on topic: Topic, owner: StreamOwner, ttl: Int, presence: Presence,
        onUntracked: @escaping @Sendable () -> Void
    ) {
        state.withLock {
            $0.book.bind(
                member, on: topic, owner: owner, ttl: ttl, presence: presence, onUntracked: onUntracked)
        }
    }

    /// Notes the newest state of a bound presence, for when it must be restored.
    package func refresh(_ member: Member, on topic: Topic, presence: Presence) {
        state.withLock { $0.book.refresh(member, on: topic, presence: presence) }
    }

    /// Lets go of a presence that somebody has untracked: it is neither renewed nor restored nor released.
    package func drop(_ member: Member, on topic: Topic, owner: StreamOwner) {
        state.withLock { _ = $0.book.unbind(member, on: topic, owner: owner) }
    }

    /// Ends the stream's hold on a presence, which then has `grace` seconds, unless another stream owns it by now.
    package func unbind(_ member: Member, on topic: Topic, owner: StreamOwner, grace: Int) {
        let item = Releasing(member: member, owner: owner, grace: grace)
        state.withLock { state in
            state.book.unbind(member, on: topic, owner: owner)
            guard state.releases.count < Self.maximumReleases else { return }
            state.releases.append(PendingRelease(topic: topic, item: item))
        }
        wake.yield()
    }

    /// Renews everything within two seconds and restores what is missing: for a connection that is new, and with it
    /// perhaps a Redis that has lost writes.
    package func recover() {
        state.withLock { $0.recovery = .due }
        wake.yield()
    }

    /// Renews until graceful shutdown, then tells Redis of the streams that have ended.
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

extension LeaseKeeper {
    /// Tells Redis of the streams that have ended; what fails is tried again.
    func releaseEnded() async {
        let pending = state.withLock { state in
            defer { state.releases = [] }
            return state.releases
        }
        guard !pending.isEmpty else { return }
        let calls = Dictionary(grouping: pending, by: \.topic).flatMap { topic, releases in
            releases.chunks(of: PresenceStore.membersPerCall).map { (topic: topic, releases: Array($0)) }
        }
        await inParallel(calls, width: Self.callsInFlight) { [self] topic, releases in
            await releasing.watch { () throws(StoreError) in
                do throws(StoreError) {
                    _ = try await store.release(releases.map(\.item), on: topic)
                } catch {
                    state.withLock { $0.releases += releases.prefix(Self.maximumReleases - $0.releases.count) }
                    throw error
                }
            }
        }
    }
}
