// Rollcall · Postgres

import Synchronization

/// The first of several outcomes, for one who waits.
final class FirstOutcome<Value: Sendable>: Sendable {
    /// The legal ways are from each case to any that is below it.
    private enum State {
        case open
        case awaited(CheckedContinuation<Value, Never>)
        case settled(Value)
    }

    private let state = Mutex(State.open)

    /// Gives the outcome; all but the first are dropped, which is told by false.
    @discardableResult
    func settle(_ value: Value) -> Bool {
        let previous = state.withLock { state -> State in
            defer { if case .settled = state {} else { state = .settled(value) } }
            return state
        }
        switch previous {
        case .open: return true
        case .awaited(let continuation):
            continuation.resume(returning: value)
            return true
        case .settled: return false
        }
    }

    /// Waits, once, for the outcome.
    func value() async -> Value {
        await withCheckedContinuation { continuation in
            let value = state.withLock { state -> Value? in
                if case .settled(let value) = state { return value }
                state = .awaited(continuation)
                return nil
            }
            if let value { continuation.resume(returning: value) }
        }
    }
}

extension FirstOutcome: Equatable {
    static func == (one: FirstOutcome, other: FirstOutcome) -> Bool { one === other }
}
