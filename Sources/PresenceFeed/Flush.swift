// Rollcall · PresenceFeed

import NIOCore
import Presence

/// What a feed sends at once, fixed when the flush begins: the fetch hook may have to be awaited before it is sent.
struct Flush: Sendable {
    /// Where streams come back from, and whether they are shown data.
    struct Origin: Hashable {
        let cursor: Cursor
        let showsData: Bool
    }

    /// What streams that resume from one place get.
    struct Resumption: Sendable {
        let diff: Diff
        /// Keys with data that they may have missed; nil if that is not known, which means all keys.
        let renewed: [Key]?
    }

    /// A subscriber that waited for its first event.
    struct Arrival: Sendable {
        let subscription: Subscription
        /// Where it resumes from; nil if it gets the state.
        let origin: Origin?
        /// Whether its client holds entries from before.
        ///
        /// phoenix.js' `syncState` compares refs alone, so changed data needs a diff.
        let isReturning: Bool
    }

    let batch: DiffWindow.Batch?
    let roster: Roster
    let cursor: Cursor
    /// Keys with changed data, sent to all subscribers.
    let renewed: [Key]
    let arrivals: [Arrival]
    let resumptions: [Origin: Resumption]
    /// The states at `cursor` that have been made already.
    let states: [FrameFormat: ByteBuffer]

    /// Whether it is for all subscribers, and not just for arrivals.
    let isForAll: Bool

    /// The keys whose data is shown, and those for which it is shown only as they leave.
    func keys() -> (shown: [Key], leaving: [Key]) {
        var shown = Set(renewed), leaving: Set<Key> = []
        func note(_ diff: Diff) {
            for change in diff.changes {
                if change.after != nil { shown.insert(change.member.key) } else { leaving.insert(change.member.key) }
            }
        }
        if let batch { note(batch.diff) }
        for (origin, resumption) in resumptions where origin.showsData {
            note(resumption.diff)
            shown.formUnion(resumption.renewed ?? Array(roster.keys))
        }
        let showsEverybody = arrivals.contains {
            let format = $0.subscription.format
            return $0.origin == nil && format.view == .full && ($0.isReturning || states[format] == nil)
        }
        if showsEverybody { shown.formUnion(roster.keys) }
        return (Array(shown), Array(leaving.subtracting(shown)))
    }
}
