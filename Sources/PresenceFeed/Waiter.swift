// Rollcall · PresenceFeed

import NIOCore

/// A subscriber before its first event.
struct Waiter {
    let subscription: Subscription
    /// False after its queue was lost: only a state will do.
    var mayResume = true
    /// False once its own track, or what it saw at another node, is overdue: the next state serves it, whatever it shows.
    var isPatient = true
    /// Since when it waits.
    let since = NIODeadline.now()
}
