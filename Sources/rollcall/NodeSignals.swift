// Rollcall · rollcall

import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// Handles the signals of a node, from its start to its end.
struct NodeSignals: Sendable {
    /// The effect of SIGHUP.
    enum Hangup: Sendable {
        /// Nothing: a node outlives the terminal that it was started from.
        case isIgnored
        /// Shuts the node down gracefully: it belongs to the user of the terminal.
        case stops
    }

    private let signals: UnixSignalsSequence
    private let hangup: Hangup

    init(hangup: Hangup) async {
        signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        self.hangup = hangup
    }

    /// Runs the services until they end; the first SIGTERM or SIGINT begins a graceful shutdown, further ones are
    /// logged.
    func run(_ group: ServiceGroup, logger: Logger) async throws {
        // The traps end with the sequence, but the process may run a moment longer.
        defer { signal(SIGHUP, SIG_IGN) }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.follow(group, logger) }
            defer { tasks.cancelAll() }
            try await group.run()
        }
    }

    private func follow(_ group: ServiceGroup, _ logger: Logger) async {
        var isStopping = false
        for await signal in signals {
            if signal == .sighup, hangup == .isIgnored {
                logger.notice("signals: SIGHUP ignored")
            } else if isStopping {
                logger.notice("signals: already stopping", metadata: ["signal": "\(signal)"])
            } else {
                isStopping = true
                logger.notice("signals: stopping", metadata: ["signal": "\(signal)"])
                await group.triggerGracefulShutdown()
            }
        }
    }
}
