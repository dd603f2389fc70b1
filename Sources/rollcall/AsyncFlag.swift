// Rollcall · rollcall

import Synchronization

/// A Boolean that any number of tasks wait for; once set it may still change from false to true, never back.
final class AsyncFlag: Sendable {
    private struct State {
        var value: Bool?
        /// One for each waiting task; a task that is cancelled removes its own.
        var waiters: [Int: CheckedContinuation<Bool, Never>] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    /// Waits until the flag is set; false if the task is cancelled first.
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
