// Rollcall · PresenceFeed

import NIOCore

/// Why losses that a new epoch shows are not sent yet.
///
/// A Redis that restarted empty has lost presences of clients that are still here. Nodes put back what they hold, and
/// owners track again; only what is missing after that leaves.
enum LossDelay: Sendable, Equatable {
    /// Nothing is delayed. → `waiting`
    case none
    /// Nodes and owners have time until then. → `over`, `waiting`
    case waiting(until: NIODeadline)
    /// Their time is over, and this node did not stand still meanwhile. → `verifying`, `waiting`
    case over
    /// Another snapshot shows what is still missing. → `none`, `waiting`
    case verifying
}
