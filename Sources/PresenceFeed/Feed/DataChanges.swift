// Rollcall · PresenceFeed

package import PresenceModel

/// The keys of one topic with data that must be sent again, as a pure state machine.
///
/// A key is `wanted` until the hook has its data, then `ready` for the next flush. No flush waits for changed data.
/// A key without data is dropped: the hook reports it again when it has the data.
package struct DataChanges: Sendable {
    /// Keys with data that the next flush sends.
    ///
    /// Bounded, as `wanted` is, by the keys of the topic: others are dropped when their turn comes.
    package private(set) var ready: Set<Key> = []
    private var wanted: Set<Key> = []
    private var isFetching = false

    package init() {}

    package mutating func want(_ keys: Set<Key>) { wanted.formUnion(keys) }

    /// The keys to fetch now; nil if there are none or others are being fetched.
    package mutating func beginFetch() -> [Key]? {
        guard !isFetching, !wanted.isEmpty else { return nil }
        isFetching = true
        defer { wanted = [] }
        return Array(wanted)
    }

    package mutating func endFetch(_ keys: [Key], _ fields: EnrichmentFields) {
        isFetching = false
        ready.formUnion(keys.lazy.filter { !fields.incomplete.contains($0) })
    }

    package mutating func takeReady() -> Set<Key> {
        defer { ready = [] }
        return ready
    }
}
