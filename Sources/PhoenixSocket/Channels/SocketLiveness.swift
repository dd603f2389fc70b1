// Rollcall · PhoenixSocket

import NIOCore

/// When a socket is pinged, and when its client counts as gone.
///
/// Hidden tabs run timers once a minute, so heartbeats alone would make clients leave and come back. Browsers answer
/// pings without JavaScript.
struct SocketLiveness: Sendable {
    enum Step: Equatable, Sendable {
        case none
        case ping
        case silent
    }

    static let pingInterval = TimeAmount.seconds(25)
    static let silence = TimeAmount.seconds(60)
    /// The same, if only messages count: heartbeats come each 30 s at best.
    static let silenceOfMessages = TimeAmount.seconds(90)

    private let countsMessagesOnly: Bool
    private var heard: NIODeadline
    private var pinged: NIODeadline

    init(countsMessagesOnly: Bool, at now: NIODeadline) {
        self.countsMessagesOnly = countsMessagesOnly
        heard = now
        pinged = now
    }

    mutating func hear(isMessage: Bool, at now: NIODeadline) {
        if isMessage || !countsMessagesOnly { heard = now }
    }

    mutating func step(at now: NIODeadline) -> Step {
        if now >= end { return .silent }
        guard now >= pinged + Self.pingInterval else { return .none }
        pinged = now
        return .ping
    }

    /// The time of the next step.
    var deadline: NIODeadline { min(end, pinged + Self.pingInterval) }

    private var end: NIODeadline { heard + (countsMessagesOnly ? Self.silenceOfMessages : Self.silence) }
}

/// Bounds the messages that a client sends: as many at once as a socket with all of its channels needs to join, and
/// fewer on average.
struct MessageBudget: Sendable {
    static let burst = 500.0
    static let perSecond = 50.0

    private var left = MessageBudget.burst
    private var time: NIODeadline

    init(at now: NIODeadline) {
        time = now
    }

    /// Uses one message; false if none is left.
    mutating func take(at now: NIODeadline) -> Bool {
        left = min(Self.burst, left + Double((now - time).nanoseconds) / 1e9 * Self.perSecond)
        time = now
        guard left >= 1 else { return false }
        left -= 1
        return true
    }
}
