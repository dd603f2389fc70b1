// Rollcall · PresenceServer

package import Presence
package import PresenceFeed
package import PresenceStore

/// What the requests work on: presences in Redis, and what this node's feeds happen to know already.
package struct PresenceBackend: Sendable {
    package let store: PresenceStore
    /// A feed's replica of a topic, if this node has one.
    ///
    /// Lists are answered from it when Redis says that it is current, and as stale when Redis says nothing.
    package let live: @Sendable (Topic) async -> LiveRoster?

    /// What is added to the entries of lists.
    package let enricher: EnrichmentSource
    /// Bounds what waits for slow readers of lists; nil counts nothing.
    package let queue: QueueBudget?

    package init(
        store: PresenceStore, live: @escaping @Sendable (Topic) async -> LiveRoster? = { _ in nil },
        enricher: EnrichmentSource = .none, queue: QueueBudget? = nil
    ) {
        self.store = store
        self.live = live
        self.enricher = enricher
        self.queue = queue
    }
}
