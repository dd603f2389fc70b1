// Rollcall · Postgres

import DequeModule

/// The connections of a pool, its waiters, and when to open and close: events in, actions out.
struct PostgresPoolState<Connection: Sendable, Waiter: Equatable & Sendable>: Sendable {
    typealias Instant = ContinuousClock.Instant
    typealias Lease = PostgresLease<Connection>

    enum Action: Sendable {
        case lend(Lease, to: Waiter)
        case refuse(Waiter, PostgresError)
        /// Make one attempt to connect. Then call `opened`, or call `failed` and, after a pause, `paused`.
        case open
        case close(Connection)
        /// The first connection is up, for the first time or again.
        case reportUp
        /// No connection is up any more, or the first attempt failed.
        case reportDown(PostgresError)
    }

    private let options: PostgresPoolOptions
    /// The most recently used one is last and is lent next, so that connections beyond the need stay idle.
    private var idle: [(lease: Lease, since: Instant)] = []
    private var lent: [Int: Lease] = [:]
    /// Attempts that run, or pause after a failure.
    private var opening = 0
    /// Bounded by `maximumWaiting`: a further waiter is refused as `.busy`.
    private var waiting: Deque<Waiter> = []
    private var lastNumber = 0
    /// The number of failed attempts since the last successful one.
    private(set) var failures = 0
    /// Why the last attempt failed; if it succeeded, why a connection was lost since.
    private var reason: PostgresError?
    private var isDownReported = false
    private var isShutDown = false

    init(options: PostgresPoolOptions) { self.options = options }

    private var count: Int { idle.count + lent.count }

    /// Why no connection is up; nil while one is.
    var fault: PostgresError? {
        if isShutDown { return PostgresError(.unavailable, "the pool was shut down") }
        guard count == 0 else { return nil }
        return PostgresError(
            .unavailable, reason?.message ?? "no attempt to connect has ended yet", sqlState: reason?.sqlState)
    }

    var idleConnections: [Connection] { idle.map(\.lease.connection) }

    /// Opens the first connections.
    mutating func start() -> [Action] { grow() }

    mutating func borrow(_ waiter: Waiter) -> [Action] {
        if let (lease, _) = idle.popLast() {
            lent[lease.number] = lease
            return [.lend(lease, to: waiter)]
        }
        if let fault, isShutDown || failures > 0 { return [.refuse(waiter, fault)] }
        guard waiting.count < options.maximumWaiting else {
            return [.refuse(waiter, PostgresError(.busy, "\(waiting.count) callers wait for a connection already"))]
        }
        waiting.append(waiter)
        return grow()
    }

    /// Refuses a waiter that waits no longer; one that has its connection already keeps it.
    mutating func giveUp(_ waiter: Waiter, _ error: PostgresError) -> [Action] {
        guard let index = waiting.firstIndex(of: waiter) else { return [] }
        waiting.remove(at: index)
        return [.refuse(waiter, fault ?? error)]
    }

    /// Takes a connection back; `error` is the reason of its end, nil if it is usable.
    mutating func giveBack(_ lease: Lease, error: PostgresError? = nil, at now: Instant) -> [Action] {
        guard lent.removeValue(forKey: lease.number) != nil else { return [] }
        if let error { return lost(error) }
        guard lease.expiry > now || count == 0 else { return [.close(lease.connection)] + grow() }
        return offer(lease, at: now)
    }

    mutating func opened(_ connection: Connection, expiry: Instant, at now: Instant) -> [Action] {
        opening -= 1
        guard !isShutDown else { return [.close(connection)] }
        let isFirst = count == 0
        failures = 0
        isDownReported = false
        lastNumber += 1
        return (isFirst ? [.reportUp] : [])
            + offer(Lease(number: lastNumber, connection: connection, expiry: expiry), at: now) + grow()
    }

    mutating func failed(_ error: PostgresError) -> [Action] {
        failures += 1
        reason = error
        guard let fault else { return [] }
        defer { waiting = [] }
        return reportDown(error) + waiting.map { .refuse($0, fault) }
    }

    mutating func paused() -> [Action] {
        opening -= 1
        return grow()
    }

    /// Closes an idle connection that is too old or beyond the minimum, one at a time and never the last.
    mutating func tidy(at now: Instant) -> [Action] {
        let index = idle.firstIndex { lease, since in
            lease.expiry <= now || (count > options.minimum && since + options.idleTime <= now)
        }
        guard count > 1, let index else { return [] }
        return [.close(idle.remove(at: index).lease.connection)] + grow()
    }

    /// Drops the idle connections that PostgreSQL ended.
    mutating func drop(where isDead: (Connection) -> Bool) -> [Action] {
        let before = idle.count
        idle.removeAll { isDead($0.lease.connection) }
        return idle.count == before ? [] : lost(PostgresError(.lost, "PostgreSQL ended an idle connection"))
    }

    mutating func shutDown() -> [Action] {
        isShutDown = true
        let error = PostgresError(.unavailable, "the pool was shut down")
        defer { (idle, lent, waiting) = ([], [:], []) }
        return waiting.map { .refuse($0, error) } + idle.map { .close($0.lease.connection) }
            + lent.values.map { .close($0.connection) }
    }
}

extension PostgresPoolState {
    private mutating func offer(_ lease: Lease, at now: Instant) -> [Action] {
        guard let waiter = waiting.popFirst() else {
            idle.append((lease, now))
            return []
        }
        lent[lease.number] = lease
        return [.lend(lease, to: waiter)]
    }

    private mutating func lost(_ error: PostgresError) -> [Action] {
        if failures == 0 { reason = error }
        return (count == 0 ? reportDown(error) : []) + grow()
    }

    private mutating func reportDown(_ error: PostgresError) -> [Action] {
        defer { isDownReported = true }
        return isDownReported ? [] : [.reportDown(error)]
    }

    /// Opens as many connections as are lent or waited for, within the bounds; while attempts fail, one at a time.
    private mutating func grow() -> [Action] {
        guard !isShutDown else { return [] }
        let wanted = min(max(options.minimum, lent.count + waiting.count), options.maximum)
        let missing = min(wanted - count, failures > 0 ? 1 : wanted) - opening
        guard missing > 0 else { return [] }
        opening += missing
        return Array(repeating: .open, count: missing)
    }
}
