// Rollcall · PresenceServer

import NIOCore

/// Decides when a node accepts connections: it pauses at its limit, and while the system has no room for another one.
///
/// Connections that are not accepted wait in the kernel's backlog. One round of accepting may pass the limit by the few
/// connections that it takes.
struct AcceptState {
    /// A change that is logged.
    enum Notice: Equatable {
        case paused(reason: String)
        case resumed
    }

    struct Step: Equatable {
        /// Whether connections are accepted from now on.
        var accepts: Bool
        var notice: Notice?
        /// The time until the next attempt, if no connection closes before.
        var retry: TimeAmount?
    }

    /// The shortest time between two notices of a pause: at the limit each close lets one connection in.
    static let quietTime = TimeAmount.seconds(60)
    static let retryPause = TimeAmount.seconds(1)

    private let maximumConnections: Int
    private(set) var open = 0
    private var isExhausted = false
    private var lastNotice: NIODeadline?
    private var isNoticed = false

    /// - Parameter maximumConnections: Connections at most; nil for no limit.
    init(maximumConnections: Int?) { self.maximumConnections = maximumConnections ?? .max }

    private var isFull: Bool { open >= maximumConnections }

    var accepts: Bool { !isFull && !isExhausted }

    mutating func opened(at now: NIODeadline) -> Step {
        open += 1
        isExhausted = false
        return isFull ? pause("the limit of \(maximumConnections) connections is reached", at: now) : resume(at: now)
    }

    mutating func closed(at now: NIODeadline) -> Step {
        open -= 1
        isExhausted = false
        return isFull ? Step(accepts: false) : resume(at: now)
    }

    /// Pauses after an error of `accept`: too many open files, or no memory for another socket.
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

    /// Accepts again; the end of a pause is logged once, when more than a tenth of the limit is free.
    private mutating func resume(at now: NIODeadline) -> Step {
        guard isNoticed, open < maximumConnections - maximumConnections / 10 else { return Step(accepts: true) }
        isNoticed = false
        return Step(accepts: true, notice: .resumed)
    }
}
