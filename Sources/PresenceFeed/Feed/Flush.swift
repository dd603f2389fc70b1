// Rollcall · PresenceFeed

import NIOCore
import PresenceModel
import PresenceText

/// The content of one flush, fixed when the flush begins, because the flush may then wait for the fetch hook.
struct Flush: Sendable {
    /// A cursor that streams resume from, and whether their format shows data.
    struct Origin: Hashable {
        let cursor: Cursor
        let showsData: Bool
    }

    /// The events for streams that resume from one origin.
    struct Resumption: Sendable {
        let diff: Diff
        /// Keys with data that they may have missed; nil if that is not known, which means all keys.
        let changedKeys: [Key]?
    }

    /// A new subscriber that gets its first event.
    struct Arrival: Sendable {
        let subscription: Subscription
        /// The origin that it resumes from; nil if it gets the state.
        let origin: Origin?
        /// Whether its client holds entries from before.
        let isReturning: Bool
        /// Whether `degraded` was its last notice.
        let isDegraded: Bool
    }

    let batch: DiffWindow.Batch?
    let cursor: Cursor
    let counts: RosterCounts
    /// The roster at `cursor`; empty where neither a state nor changed data is encoded, so that nothing is copied when
    /// the next message comes while the hook is awaited.
    let roster: Roster
    /// Keys with changed data, sent to all subscribers.
    let changedKeys: [Key]
    let arrivals: [Arrival]
    let resumptions: [Origin: Resumption]
    /// The states at `cursor` that are encoded already.
    let states: StateCache
    /// Whether it is for all subscribers, and not just for arrivals.
    let isForAll: Bool

    /// The keys of entries that are shown, and the keys that only leave: for those the cache is enough.
    func keys() -> (shown: [Key], leaving: [Key]) {
        var shown = Set(changedKeys), leaving: Set<Key> = []
        func add(_ diff: Diff) {
            for change in diff.changes {
                if change.after != nil { shown.insert(change.member.key) } else { leaving.insert(change.member.key) }
            }
        }
        if let batch { add(batch.diff) }
        for (origin, resumption) in resumptions where origin.showsData {
            add(resumption.diff)
            shown.formUnion(resumption.changedKeys ?? Array(roster.keys))
        }
        let showsWholeRoster = arrivals.contains {
            let format = $0.subscription.format
            return $0.origin == nil && format.showsData && ($0.isReturning || states[format] == nil)
        }
        if showsWholeRoster { shown.formUnion(roster.keys) }
        return (Array(shown), Array(leaving.subtracting(shown)))
    }
}
