// Rollcall · FaultTests

import Synchronization
import TestSupport

/// The stream of a watcher, as one history over all restarts of its node.
///
/// Only one caller may resume it at a time.
final class WatchersStream: Sendable {
    private let path: String
    private let history: Mutex<ResumingStream>

    init(_ stream: SSEClient, path: String) {
        self.path = path
        history = Mutex(ResumingStream(stream))
    }

    var events: [SSEEvent] { history.withLock { $0.events } }
    var isOpen: Bool { history.withLock { $0.isOpen } }

    func resume(on client: RollcallClient) async throws {
        var resumed = history.withLock { $0 }
        try await resumed.resume(on: client, path)
        history.withLock { [resumed] in $0 = resumed }
    }

    func close() async { await history.withLock { $0 }.close() }
}
