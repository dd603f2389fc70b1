// Rollcall · Enrichment

import Synchronization

/// One caller's wait for one rule; ended once, by whoever comes first.
final class FetchWait: Sendable {
    private enum State {
        /// → waiting, ended
        case idle
        /// → ended
        case waiting(CheckedContinuation<Void, Never>)
        case ended
    }

    private let state = Mutex(State.idle)

    func end() {
        let waiting = state.withLock { state -> CheckedContinuation<Void, Never>? in
            defer { state = .ended }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        waiting?.resume()
    }

    /// Returns when the wait is ended or the task is cancelled.
    func untilEnded() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isEnded = state.withLock { state in
                    if case .ended = state { return true }
                    state = .waiting(continuation)
                    return false
                }
                if isEnded { continuation.resume() }
            }
        } onCancel: {
            end()
        }
    }
}
