// Rollcall · rollcall

import Foundation
import UnixSignals

/// The signals that end a command: Ctrl-C, SIGTERM, or SIGHUP when its terminal closes.
enum Interrupt {
    /// Runs `body` until it ends, or until a signal cancels it; its outcome after the signal is ignored.
    ///
    /// SIGHUP counts unless the program was started with it ignored, as `nohup` does.
    static func cancels(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let signals = await UnixSignalsSequence(trapping: [.sigint, .sigterm] + (ignoresHangup ? [] : [.sighup]))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await _ in signals { return }
                // Without a signal the sequence ends only when its task is cancelled, after the body has ended.
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private static var ignoresHangup: Bool {
        var action = sigaction()
        guard sigaction(SIGHUP, nil, &action) == 0 else { return false }
        #if canImport(Glibc)
            return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
                == unsafeBitCast(SIG_IGN, to: Int.self)
        #else
            return unsafeBitCast(action.__sigaction_u.__sa_handler, to: Int.self)
                == unsafeBitCast(SIG_IGN, to: Int.self)
        #endif
    }
}
