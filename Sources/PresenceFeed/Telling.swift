// Rollcall · PresenceFeed

import NIOCore
import Presence

/// What a feed is about to tell, fixed when it begins: what it is enriched with may have to be awaited.
struct Telling: Sendable {
    /// One who waited for its first event.
    struct Arrival: Sendable {
        let subscription: Subscription
        /// What it missed since the cursor it came with; nil if it is told the state.
        let missed: Diff?
        /// Keys whose data it may have missed.
        let renewed: [Key]
    }

    let batch: DiffWindow.Batch?
    let roster: Roster
    let cursor: Cursor
    /// Keys whose data everybody is told anew.
    let renewed: [Key]
    let arrivals: [Arrival]
    /// The states at `cursor` that have been made already.
    var states: [FrameFormat: ByteBuffer]

    /// The keys whose entries will be shown, and those that are shown only as they leave.
    ///
    /// - Parameter wholeRoster: Whether a state has to be made.
    func keys(wholeRoster: Bool) -> (shown: [Key], leaving: [Key]) {
        var shown = Set(renewed), leaving: Set<Key> = []
        if wholeRoster { shown.formUnion(roster.sortedKeys) }
        func note(_ diff: Diff) {
            for change in diff.changes {
                if change.after != nil { shown.insert(change.member.key) } else { leaving.insert(change.member.key) }
            }
        }
        if let batch { note(batch.diff) }
        for arrival in arrivals {
            if let missed = arrival.missed { note(missed) }
            shown.formUnion(arrival.renewed)
        }
        return (Array(shown), Array(leaving.subtracting(shown)))
    }
}
