// Rollcall · Enrichment

/// Finds out whether notifications reach a connection that listens: pure, time passed in.
///
/// A node sends a notification to itself over another connection. Behind a pooler in transaction mode `LISTEN`
/// succeeds, but no notification arrives.
struct ListenProbe: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// A change of ``fault`` to be reported.
    enum Transition: Hashable, Sendable {
        case silent(reason: String)
        case audible
    }

    /// The time between two probes, while they arrive and while they do not.
    static let interval = Duration.seconds(30)
    static let retryInterval = Duration.seconds(5)
    /// How long a probe may take.
    static let patience = Duration.seconds(5)
    static let silence =
        "a NOTIFY of our own did not come back within 5 s. LISTEN needs a session of its own: let "
        + "ROLLCALL_DATABASE_URL name PostgreSQL itself, or a pool in session mode"
    /// No key holds a control character, so every node ignores the probes of others, older nodes too.
    private static let mark = "\u{1}rollcall-probe-"

    /// The probe that is under way.
    private var awaited: (payload: String, deadline: Instant)?
    /// Why notifications do not arrive; nil while they do, or while that is not known.
    private(set) var fault: String?

    /// The pause before the next probe.
    var pause: Duration { fault == nil ? Self.interval : Self.retryInterval }

    static func isProbe(_ payload: String) -> Bool { payload.hasPrefix(mark) }

    /// Begins a probe and returns its payload, to be sent now.
    mutating func begin(at now: Instant, number: UInt64 = .random(in: .min ... .max)) -> String {
        let payload = Self.mark + String(number, radix: 36)
        awaited = (payload, now + Self.patience)
        return payload
    }

    /// A notification arrived.
    mutating func heard(_ payload: String) -> Transition? {
        guard payload == awaited?.payload else { return nil }
        awaited = nil
        defer { fault = nil }
        return fault == nil ? nil : .audible
    }

    /// Time has passed since a probe was sent.
    mutating func advance(to now: Instant) -> Transition? {
        guard let awaited, awaited.deadline <= now else { return nil }
        return fail(Self.silence)
    }

    /// PostgreSQL refused the probe: no node can be notified.
    mutating func refused(_ reason: String) -> Transition? { fail("a NOTIFY was refused: \(reason)") }

    /// The probe could not be sent, or the connection that listens has ended: the probe proves nothing.
    mutating func abandon() { awaited = nil }

    private mutating func fail(_ reason: String) -> Transition? {
        awaited = nil
        defer { fault = reason }
        return fault == nil ? .silent(reason: reason) : nil
    }
}
