// Rollcall · Enrichment

import Presence

extension RuleState {
    /// A query to run; its outcome comes back with its number.
    struct Query: Hashable, Sendable {
        let number: Int
        let batch: FetchBatch
        /// How many revalidations had begun when it did.
        let round: Int
        /// Whether it looks for keys whose data makes queries fail.
        var isSearch = false
    }

    /// What the events since the last time ask for.
    struct Actions: Sendable {
        var queries: [Query] = []
        /// Waiters that need wait no more.
        var settled: [Int] = []
        /// Keys whose data is other than what was told last.
        var changed: Set<Key> = []
        /// How many keys were found whose data makes the query fail.
        var raised = 0
        var transitions: [FetchBreaker.Transition] = []
        /// When to take actions again, if no event comes before.
        var wake: Instant?
        /// What the cache has dropped, to be freed outside every lock.
        var dropped: [CacheGeneration] = []
    }
}
