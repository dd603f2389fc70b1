// Rollcall · PresenceFeed

import NIOCore
import Presence

/// Keeping what the fetch hook added true: data that changed or was missing is told as soon as it is there.
extension TopicFeed {
    /// The data of keys changed at its source; those that are present are told anew.
    func renew(_ keys: Set<Key>) {
        guard renewals.isWanted else { return }
        renewals.want(keys.filter { replica.roster.entry(for: $0) != nil })
        fetchRenewals()
    }

    /// Asks again, a little later, for what could not be had.
    func askAgain() {
        guard renewals.hasBare, renewals.timer == nil else { return }
        renewals.timer = loop.scheduleTask(in: .milliseconds(.random(in: 600...1000))) {
            self.assumeIsolated {
                $0.renewals.timer = nil
                $0.renewals.wantBare(in: $0.replica.roster)
                $0.fetchRenewals()
            }
        }
    }

    private func fetchRenewals() {
        guard let enricher, let keys = renewals.beginFetch() else { return }
        if let extras = enricher.known(keys, [], topic) { return endFetch(keys, extras) }
        Task {
            let extras = await enricher.fetch(keys, [], topic)
            perform { $0.endFetch(keys, extras) }
        }
    }

    private func endFetch(_ keys: [Key], _ extras: Extras) {
        renewals.endFetch(keys, extras)
        askAgain()
        fetchRenewals()
        flushWhenDue()
    }
}
