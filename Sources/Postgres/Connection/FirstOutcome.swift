// Rollcall · Postgres

import Synchronization

/// The first of several outcomes, for one caller that waits.
final class FirstOutcome<Value: Sendable>: Sendable {
    /// A case may change to any case below it.
    private enum State {
        case open
        case awaited(CheckedContinuation<Value, Never>)
        case settled(Value)
    }

    private let state = Mutex(State.open)

    /// Sets the outcome; returns false, and drops the value, when there is one already.
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

    /// Waits for the outcome; called once at most.
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
