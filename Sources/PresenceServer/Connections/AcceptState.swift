// Rollcall · PresenceServer

import NIOCore

/// Decides when a node accepts connections: not while the system has no room for another one.
///
/// At its limit the node is full. It accepts further connections, which serve probes only, and pauses when there are
/// many of them. Connections that are not accepted wait in the kernel's backlog. One round of accepting may pass a
/// limit by the few connections that it takes.
struct AcceptState {
    /// A change that is logged.
    enum Notice: Equatable {
        /// The limit is reached.
        case full
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
    /// Connections at which the node pauses.
    private let ceiling: Int
    private(set) var open = 0
    private var isExhausted = false
    private var lastNotice: NIODeadline?
    private var isNoticed = false

    /// - Parameters:
    ///   - maximumConnections: Connections at which the node is full; nil for no limit.
    ///   - further: Connections that it accepts then.
    init(maximumConnections: Int?, further: Int) {
        self.maximumConnections = maximumConnections ?? .max
        ceiling = maximumConnections.map { $0 + further } ?? .max
    }

    /// Whether the node has as many connections as it may serve.
    var isFull: Bool { open >= maximumConnections }

    var accepts: Bool { open < ceiling && !isExhausted }

    mutating func opened(at now: NIODeadline) -> Step {
        open += 1
        isExhausted = false
        return isFull ? stop(.full, at: now) : resume(at: now)
    }

    mutating func closed(at now: NIODeadline) -> Step {
        open -= 1
        isExhausted = false
        return isFull ? Step(accepts: accepts) : resume(at: now)
    }

    /// Pauses after an error of `accept`: too many open files, or no memory for another socket.
    mutating func failed(_ reason: String, at now: NIODeadline) -> Step {
        isExhausted = true
        var step = stop(.paused(reason: reason), at: now)
        step.retry = Self.retryPause
        return step
    }

    /// Tries again after a failure.
    mutating func retry() -> Step {
        isExhausted = false
        return Step(accepts: accepts)
    }

    private mutating func stop(_ notice: Notice, at now: NIODeadline) -> Step {
        if let last = lastNotice, now < last + Self.quietTime { return Step(accepts: accepts) }
        lastNotice = now
        isNoticed = true
        return Step(accepts: accepts, notice: notice)
    }

    /// Serves all connections again; this is logged once, when more than a tenth of the limit is free.
    private mutating func resume(at now: NIODeadline) -> Step {
        guard isNoticed, open < maximumConnections - maximumConnections / 10 else { return Step(accepts: true) }
        isNoticed = false
        return Step(accepts: true, notice: .resumed)
    }
}
