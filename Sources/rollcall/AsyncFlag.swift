// Rollcall · rollcall

import Synchronization

/// A Boolean that any number of tasks wait for; the first one that is settled stands, and true replaces false.
final class AsyncFlag: Sendable {
    private struct State {
        var value: Bool?
        /// Bounded by the callers, each of which leaves when it is cancelled.
        var waiters: [Int: CheckedContinuation<Bool, Never>] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    /// Waits for the verdict; false when the wait is cancelled first.
    var value: Bool {
        get async {
            let number = state.withLock { state in
                state.next += 1
                return state.next
            }
            return await withTaskCancellationHandler {
                await withCheckedContinuation { waiter in
                    let settled = state.withLock { state -> Bool? in
                        if let value = state.value { return value }
                        if Task.isCancelled { return false }
                        state.waiters[number] = waiter
                        return nil
                    }
                    if let settled { waiter.resume(returning: settled) }
                }
            } onCancel: {
                state.withLock { $0.waiters.removeValue(forKey: number) }?.resume(returning: false)
            }
        }
    }

    func settle(_ value: Bool) {
        let waiters = state.withLock { state in
            state.value = state.value == true || value
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.resume(returning: value) }
    }
}
