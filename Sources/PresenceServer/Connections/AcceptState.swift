// Rollcall · PresenceServer

import NIOCore

/// Decides when a node takes connections: not at its limit, and not while the system has no room for another one.
///
/// Connections that are not taken wait in the kernel's backlog. The limit may be passed by the few that one round of
/// accepting takes.
struct AcceptState {
    /// A change that an operator must know of.
    enum Notice: Equatable {
        case paused(reason: String)
        case resumed
    }

    struct Step: Equatable {
        /// Whether connections are taken from now on.
        var accepts: Bool
        var notice: Notice?
        /// When to try again, if no connection closes before.
        var retry: TimeAmount?
    }

    /// How long the same notice is not repeated: at the limit each close lets one connection in.
    static let quietTime = TimeAmount.seconds(60)
    static let retryPause = TimeAmount.seconds(1)

    private let limit: Int
    private(set) var open = 0
    private var isExhausted = false
    private var lastNotice: NIODeadline?
    private var isNoticed = false

    /// - Parameter limit: Connections at most; nil for no limit.
    init(limit: Int?) { self.limit = limit ?? .max }

    private var isFull: Bool { open >= limit }

    var accepts: Bool { !isFull && !isExhausted }

    mutating func opened(at now: NIODeadline) -> Step {
        open += 1
        isExhausted = false
        return isFull ? pause("the limit of \(limit) connections is reached", at: now) : resume(at: now)
    }

    mutating func closed(at now: NIODeadline) -> Step {
        open -= 1
        isExhausted = false
        return isFull ? Step(accepts: false) : resume(at: now)
    }

    /// Accepting failed: too many open files, or no memory for another socket.
    mutating func failed(_ reason: String, at now: NIODeadline) -> Step {
        isExhausted = true
        var step = pause(reason, at: now)
        step.retry = Self.retryPause
        return step
    }

    /// Tries again after a failure.
    mutating func retry() -> Step {
        isExhausted = false
        return Step(accepts: accepts)
    }

    private mutating func pause(_ reason: String, at now: NIODeadline) -> Step {
        if let last = lastNotice, now < last + Self.quietTime { return Step(accepts: false) }
        lastNotice = now
        isNoticed = true
        return Step(accepts: false, notice: .paused(reason: reason))
    }

    /// The end of a pause is noted once, when the node has been clear of the limit for a while.
    private mutating func resume(at now: NIODeadline) -> Step {
        guard isNoticed, open < limit - limit / 10 else { return Step(accepts: true) }
        isNoticed = false
        return Step(accepts: true, notice: .resumed)
    }
}
