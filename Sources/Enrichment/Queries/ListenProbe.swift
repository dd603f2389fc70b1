// Rollcall · Enrichment

/// Checks whether notifications reach a connection that listens; pure, the caller passes the time.
///
/// A node sends a notification to itself over another connection. Behind a pooler in transaction mode `LISTEN`
/// succeeds, but no notification arrives.
struct ListenProbe: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A change of ``fault``, which the listener logs.
    enum Transition: Hashable, Sendable {
        case failed(reason: String)
        case recovered
    }

    /// The time between two probes: ``interval`` while they arrive, ``retryInterval`` while they do not.
    static let interval = Duration.seconds(30)
    static let retryInterval = Duration.seconds(5)
    /// How long a probe may take.
    static let timeout = Duration.seconds(5)
    static let timeoutReason =
        "a NOTIFY of our own did not come back within 5 s. LISTEN needs a session of its own: let "
        + "ROLLCALL_DATABASE_URL name PostgreSQL itself, or a pool in session mode"
    /// Begins with a control character, which no key holds: so every node, also an older one, ignores other probes.
    private static let mark = "\u{1}rollcall-probe-"

    /// The probe that is under way.
    private var awaited: (payload: String, deadline: Instant)?
    /// Why notifications do not arrive; nil while they arrive, and while that is unknown.
    private(set) var fault: String?

    /// The pause before the next probe.
    var pause: Duration { fault == nil ? Self.interval : Self.retryInterval }

    static func isProbe(_ payload: String) -> Bool { payload.hasPrefix(mark) }

    /// Begins a probe and returns its payload, which the caller sends now.
    mutating func begin(at now: Instant, number: UInt64 = .random(in: .min ... .max)) -> String {
        let payload = Self.mark + String(number, radix: 36)
        awaited = (payload, now + Self.timeout)
        return payload
    }

    /// Handles the payload of a probe that arrived.
    mutating func receive(_ payload: String) -> Transition? {
        guard payload == awaited?.payload else { return nil }
        awaited = nil
        defer { fault = nil }
        return fault == nil ? nil : .recovered
    }

    /// Ends a probe that has timed out.
    mutating func advance(to now: Instant) -> Transition? {
        guard let awaited, awaited.deadline <= now else { return nil }
        return fail(Self.timeoutReason)
    }

    /// Ends a probe that PostgreSQL refused: it would refuse every notification.
    mutating func refuse(_ reason: String) -> Transition? { fail("a NOTIFY was refused: \(reason)") }

    /// Ends a probe that proves nothing: it could not be sent, or the connection that listens has ended.
    mutating func abandon() { awaited = nil }

    private mutating func fail(_ reason: String) -> Transition? {
        awaited = nil
        defer { fault = reason }
        return fault == nil ? .failed(reason: reason) : nil
    }
}
