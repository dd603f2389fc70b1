// Rollcall · rollcall

import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// Handles the signals of a node, from its start to its end.
struct NodeSignals: Sendable {
    /// The effect of SIGHUP.
    enum Hangup: Sendable {
        /// The node reads its files with keys and its certificate again. It outlives the terminal that it was started
        /// from.
        case reloads
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
    ///
    /// - Parameter reload: Called at SIGHUP; once for several that come while it runs.
    func run(_ group: ServiceGroup, logger: Logger, reload: @escaping @Sendable () async -> Void) async throws {
        // The traps end with the sequence, but the process may run a moment longer.
        defer { signal(SIGHUP, SIG_IGN) }
        let (hangups, hangup) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.follow(group, logger, hangup) }
            // Beside the signals, so that a slow reload cannot delay the end of the node.
            tasks.addTask { for await _ in hangups { await reload() } }
            defer { tasks.cancelAll() }
            try await group.run()
        }
    }

    private func follow(
        _ group: ServiceGroup, _ logger: Logger, _ hangups: AsyncStream<Void>.Continuation
    ) async {
        var isStopping = false
        for await signal in signals {
            if signal == .sighup, hangup == .reloads {
                hangups.yield()
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
