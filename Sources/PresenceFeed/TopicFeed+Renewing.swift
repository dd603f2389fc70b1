// Rollcall · PresenceFeed

import Presence

/// Keeping what the fetch hook added true: data that changed, or was missing, is told as soon as it is there.
extension TopicFeed {
    /// The data of keys changed at its source; those that are present are told anew.
    func renew(_ keys: Set<Key>) {
        guard !isRetired, enricher != nil else { return }
        renewals.want(replica.roster.keys(among: keys))
        fetchRenewals()
    }

    private func fetchRenewals() {
        guard !isRetired, let enricher, let keys = renewals.beginFetch() else { return }
        if let extras = enricher.known(keys, [], topic) { return endFetch(keys, extras) }
        work.run { [topic] in
            let extras = await enricher.fetch(keys, [], topic, .now)
            self.perform { $0.endFetch(keys, extras) }
        }
    }

    private func endFetch(_ keys: [Key], _ extras: EnrichmentFields) {
        renewals.endFetch(keys, extras)
        fetchRenewals()
        flushWhenDue()
    }
}
