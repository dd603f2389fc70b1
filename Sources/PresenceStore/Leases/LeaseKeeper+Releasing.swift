// Rollcall · PresenceStore

import Basics
import Logging
import Metrics
package import PresenceModel
import Synchronization

extension LeaseKeeper {
    /// The shortest grace, in seconds, while other nodes may still restore what Redis lost.
    private static let unsettledGrace = 5

    /// Releases a presence: unless another stream holds it, it stays for `grace` seconds.
    ///
    /// - Parameters:
    ///   - isResumable: Whether a stream that reconnects without a session may resume this one.
    ///   - isRemoved: Whether it leaves at once and as `removed`.
    package func unbind(
        _ member: Member, on topic: Topic, owner: StreamOwner, grace: Int, isResumable: Bool = false,
        isRemoved: Bool = false
    ) {
        let releasing = ReleaseItem(
            member: member, owner: owner, grace: grace, isResumable: isResumable, isRemoved: isRemoved)
        queue([ReleaseQueue.Item(topic: topic, releasing: releasing)]) { book in
            book.unbind(member, on: topic, owner: owner)
        }
        wake.yield()
    }

    /// Returns when the releases of resumable sessions of that key on this node have been executed or have failed.
    ///
    /// A track that may resume a session awaits this, so that it finds the grace running. Sends no other releases,
    /// because many streams reconnect at once. Throws before it sends any when Redis takes no writes.
    package func finishReleases(of key: Key, on topic: Topic) async throws(StoreError) {
        _ = try store.writer()
        let slot = ReleaseQueue.Slot(topic: topic, key: key)
        await release { $0.begin(slot) }
        for batch in state.withLock({ $0.releases.batches(with: slot) }) {
            await withCheckedContinuation { waiter in
                if !state.withLock({ $0.releases.add(waiter, to: batch) }) { waiter.resume() }
            }
        }
    }

    /// Sends all waiting releases to Redis; those that fail wait again.
    func releaseEnded() async {
        await release { $0.begin() }
    }

    private func release(
        _ begin: (inout ReleaseQueue) -> (batch: Int, items: [ReleaseQueue.Item])?
    ) async {
        let begun = state.withLock { state in
            (batch: begin(&state.releases), isUnsettled: state.unsettledUntil.map { $0 > .now } ?? false)
        }
        guard let (batch, items) = begun.batch else { return }
        let calls = Dictionary(grouping: items, by: \.topic).flatMap { topic, items in
            items.chunks(of: PresenceStore.membersPerCall).map { (topic: topic, items: Array($0)) }
        }
        await inParallel(calls, width: Self.callsInFlight) { [self] topic, items in
            await releasing.watch { () throws(StoreError) in
                do throws(StoreError) {
                    let releases = items.map { item in
                        var releasing = item.releasing
                        if begun.isUnsettled, !releasing.isRemoved {
                            releasing.grace = max(releasing.grace, Self.unsettledGrace)
                        }
                        return releasing
                    }
                    _ = try await store.release(releases, on: topic)
                } catch {
                    if error.isTransient { noteUnsettled() }
                    queue(items)
                    throw error
                }
            }
        }
        for waiter in state.withLock({ $0.releases.end(batch) }) { waiter.resume() }
    }

    /// Records that other nodes may need up to 10 s to restore what Redis lost.
    func noteUnsettled() {
        state.withLock { $0.unsettledUntil = .now + .seconds(10) }
    }

    private func queue(_ items: [ReleaseQueue.Item], alongside change: (inout LeaseBook) -> Void = { _ in }) {
        let (dropped, isFirst) = state.withLock { state in
            change(&state.book)
            let (before, wasOverflowing) = (state.releases.dropped, state.releases.isOverflowing)
            for item in items { state.releases.add(item) }
            return (state.releases.dropped - before, !wasOverflowing)
        }
        guard dropped > 0 else { return }
        droppedReleases.increment(by: dropped)
        if isFirst {
            logger.warning(
                "leases: releases dropped, too many wait for Redis",
                metadata: ["maximum": "\(state.withLock { $0.releases.maximum })"])
        }
    }
}
