// Rollcall · Enrichment

import Presence

/// Keeps a rule from asking a database that does not answer, as a pure state machine.
struct FetchBreaker: Sendable {
    /// What an event has changed.
    enum Transition: Hashable, Sendable {
        case opened(reason: String)
        case closed
    }

    enum State: Hashable, Sendable {
        /// Asks. → open, by ``FetchBreaker/tolerance`` failures in a row.
        case closed(failures: Int)
        /// Asks nothing but probes. → closed, by one success.
        case open(Opening)
    }

    struct Opening: Hashable, Sendable {
        /// Why the last query failed.
        var reason: String
        /// The slots that failed last, of which one after the other is tried.
        var slots: [FetchSlot]
        var probes = 0
        /// False for one that began so: its first failure is news.
        var isTold = true
    }

    static let tolerance = 3

    private(set) var state = State.closed(failures: 0)

    init() {}

    /// Begins open: a rule that the database has not been asked about yet.
    init(openBecause reason: String) {
        state = .open(Opening(reason: reason, slots: [], isTold: false))
    }

    var isOpen: Bool { fault != nil }

    /// Why it is open.
    var fault: String? {
        if case .open(let opening) = state { opening.reason } else { nil }
    }

    /// The slot to try the database with; another each time.
    mutating func nextProbe() -> FetchSlot? {
        guard case .open(var opening) = state, !opening.slots.isEmpty else { return nil }
        defer {
            opening.probes += 1
            state = .open(opening)
        }
        return opening.slots[opening.probes % opening.slots.count]
    }

    /// A query was answered, if only with an error that its data raised.
    mutating func succeeded() -> Transition? {
        defer { state = .closed(failures: 0) }
        return isOpen ? .closed : nil
    }

    /// A query failed, with these slots.
    mutating func failed(_ reason: String, slots: [FetchSlot]) -> Transition? {
        let opening = Opening(reason: reason, slots: slots)
        switch state {
        case .closed(let failures) where failures + 1 < Self.tolerance:
            state = .closed(failures: failures + 1)
            return nil
        case .closed:
            state = .open(opening)
            return .opened(reason: reason)
        case .open(var current):
            let transition = current.isTold ? nil : Transition.opened(reason: reason)
            (current.reason, current.isTold) = (reason, true)
            // A probe's own slot must not become the only one.
            if slots.count > 1 || current.slots.isEmpty { current.slots = slots }
            state = .open(current)
            return transition
        }
    }
}
