// Rollcall · rollcall

import UnixSignals

/// Ctrl-C, as an ordinary end.
enum Interrupt {
    /// Runs `body` until it ends, or until SIGINT or SIGTERM cancels it; its outcome after the signal is not looked at.
    static func cancels(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await _ in signals { return }
                // The sequence ends early only when its task is cancelled: the body has ended first.
            }
            try await group.next()
            group.cancelAll()
        }
    }
}
