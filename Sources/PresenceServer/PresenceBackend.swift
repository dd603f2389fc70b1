// Rollcall · PresenceServer

package import PresenceModel
package import PresenceFeed
package import PresenceStore

/// The data behind the requests: the presences in Redis, and the replicas of this node's feeds.
package struct PresenceBackend: Sendable {
    package let store: PresenceStore
    /// A feed's replica of a topic, if this node has one.
    ///
    /// A list is answered from the replica if its cursor is the position in Redis. While Redis does not answer, the
    /// replica is shown as stale.
    package let live: @Sendable (Topic) async -> LiveRoster?

    /// The source of the enrichment of entries.
    package let enricher: EnrichmentSource
    /// Bounds the bytes of answers that wait for slow readers; nil counts nothing.
    package let queueBudget: QueueBudget?

    package init(
        store: PresenceStore, live: @escaping @Sendable (Topic) async -> LiveRoster? = { _ in nil },
        enricher: EnrichmentSource = .none, queueBudget: QueueBudget? = nil
    ) {
        self.store = store
        self.live = live
        self.enricher = enricher
        self.queueBudget = queueBudget
    }
}
