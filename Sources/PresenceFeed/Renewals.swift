// Rollcall · PresenceFeed

import NIOCore
package import Presence

/// Whose data on one topic has to be told anew, as a pure state machine.
///
/// A key goes from `wanted`, whose data has to be had first, to `ready`, which the next telling takes; one that was told
/// without its data is `bare` and is wanted again later. So nobody waits for data that changed.
package struct Renewals: Sendable {
    /// Whether any entry was ever told with its data: without that nobody needs news of it.
    package var isWanted = false
    /// Keys whose data is known and is to be told.
    package private(set) var ready: Set<Key> = []
    package var log = RenewalLog()
    /// Runs while keys are bare.
    var timer: Scheduled<Void>?

    /// All three are bounded by the keys of the topic: others are dropped when their turn comes.
    private var wanted: Set<Key> = []
    private var bare: Set<Key> = []
    private var isFetching = false

    package init() {}

    package var hasBare: Bool { !bare.isEmpty }

    package mutating func want(_ keys: some Sequence<Key>) {
        if isWanted { wanted.formUnion(keys) }
    }

    /// What was told without its data is wanted again, as far as it is still there.
    package mutating func wantBare(in roster: Roster) {
        bare = bare.filter { roster.entry(for: $0) != nil }
        wanted.formUnion(bare)
    }

    /// The keys to fetch now; nil if there are none or others are being fetched.
    package mutating func beginFetch() -> [Key]? {
        guard !isFetching, !wanted.isEmpty else { return nil }
        isFetching = true
        defer { wanted = [] }
        return Array(wanted)
    }

    package mutating func endFetch(_ keys: [Key], _ extras: Extras) {
        isFetching = false
        for key in keys {
            if extras.incomplete.contains(key) { bare.insert(key) } else { ready.insert(key) }
        }
        bare.subtract(ready)
    }

    /// Notes which of the keys that were told lacked their data.
    package mutating func told(_ keys: [Key], _ extras: Extras) {
        if !bare.isEmpty { bare.subtract(keys) }
        bare.formUnion(extras.incomplete)
    }

    package mutating func takeReady() -> Set<Key> {
        defer { ready = [] }
        return ready
    }
}
