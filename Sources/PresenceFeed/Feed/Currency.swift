// Rollcall · PresenceFeed

import NIOCore

/// Whether subscribers see what Redis holds, as a pure state machine.
enum Currency: Sendable {
    /// The replica is live and Redis answers. → `stale`
    case current
    /// The replica is not live, or Redis is away, since then; subscribers have no notice yet. → `current`, `degraded`
    case stale(since: NIODeadline)
    /// Subscribers got `degraded`. → `recovering`
    case degraded(since: NIODeadline)
    /// Current again, but losses are not known yet: subscribers get `recovered` later. → `current`, `degraded`
    case recovering(since: NIODeadline)

    /// The time that subscribers got with `degraded`; nil before a `degraded` and after `recovered`.
    var degradedSince: NIODeadline? {
        switch self {
        case .degraded(let since), .recovering(let since): since
        case .current, .stale: nil
        }
    }

    /// Records that the feed is no longer current; returns true if the caller must start the timer for `degraded`.
    mutating func becomeStale(at now: NIODeadline) -> Bool {
        switch self {
        case .current:
            self = .stale(since: now)
            return true
        case .recovering(let since): self = .degraded(since: since)
        case .stale, .degraded: break
        }
        return false
    }

    mutating func becomeCurrent() {
        switch self {
        case .stale: self = .current
        case .degraded(let since): self = .recovering(since: since)
        case .current, .recovering: break
        }
    }

    /// The timer for `degraded` fired; true if subscribers get it now.
    mutating func degrade(since: NIODeadline) -> Bool {
        guard case .stale(since) = self else { return false }
        self = .degraded(since: since)
        return true
    }

    /// All losses are known; true if subscribers get `recovered` now.
    mutating func recover() -> Bool {
        guard case .recovering = self else { return false }
        self = .current
        return true
    }
}

/// Why losses that a new epoch shows are not sent yet.
///
/// A Redis that restarted empty has lost presences of clients that are still here. Nodes restore their presences,
/// and owners track again; only presences that are missing after that leave.
enum LossDelay: Sendable, Equatable {
    /// Nothing is delayed. → `waiting`
    case none
    /// Nodes and owners have time until then. → `over`, `waiting`
    case waiting(until: NIODeadline)
    /// The wait is over, and its timer fired in time; the next flush requests a snapshot. → `verifying`, `waiting`
    case over
    /// Another snapshot shows the presences that are still missing. → `none`, `waiting`
    case verifying
}
