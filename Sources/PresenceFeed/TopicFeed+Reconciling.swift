// Rollcall · PresenceFeed

import NIOCore
import Presence
import PresenceStore

/// What Redis lost: it is put back where this node can, and told only when nobody has put it back in time.
extension TopicFeed {
    /// What is done about losses that are kept back.
    enum Reconciliation {
        /// Until then nodes put back, and owners track again, what Redis has lost.
        case waiting
        /// Redis is asked whether they are still missing.
        case verifying
    }

    /// Keeps losses back from now on, while nodes put back what they hold and owners track again.
    func keepLossesBack() {
        reconciliation = .waiting
        window.hold(until: .now() + options.reconcile)
    }

    /// Whether losses are not to be told yet; has Redis asked once more about those whose time is over.
    func keepsLossesBack() -> Bool {
        switch reconciliation {
        case nil: return false
        case .waiting:
            // What nodes have re-tracked meanwhile may have been said on a connection that brings nothing any more.
            reconciliation = .verifying
            reload()
            return true
        case .verifying where isAway: return true
        case .verifying:
            reconciliation = nil
            restorable = [:]
            return false
        }
    }

    /// Keeps losses back anew when the time for it ran out unnoticed: this node stood still, and it may be the one that
    /// has to put them back.
    func noteLateness(of deadline: NIODeadline) {
        if reconciliation != nil, deadline + options.lateness < .now() { keepLossesBack() }
    }

    /// Has lost presences put back with the next snapshot, at another time for each topic and node: all have lost them at
    /// once, and it is enough that one node puts them back.
    func restoreSoon(_ lost: [Member: StoredPresence]) {
        guard !lost.isEmpty else { return }
        restorable.merge(lost) { $1 }
        loop.scheduleTask(in: .nanoseconds(.random(in: 0...options.restoration.nanoseconds))) {
            self.assumeIsolated { if !$0.restorable.isEmpty { $0.reload() } }
        }
    }

    /// Those whom Redis is to be given back.
    var missing: [(member: Member, stored: StoredPresence)] { restorable.map { ($0.key, $0.value) } }
}
