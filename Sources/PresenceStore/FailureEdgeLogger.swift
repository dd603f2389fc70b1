// Rollcall · PresenceStore

import Logging
import Synchronization

/// Logs that some work fails when that begins, and that it works again when that ends; not each failure between.
final class FailureEdgeLogger: Sendable {
    private let work: String
    private let logger: Logger
    private let isOn = Mutex(false)

    init(work: String, logger: Logger) {
        self.work = work
        self.logger = logger
    }

    /// Does the work; an error is noted, and success is the end of an outage.
    func watch(_ body: () async throws(StoreError) -> Void) async {
        do throws(StoreError) {
            try await body()
            change(to: false, because: nil)
        } catch {
            if !Task.isCancelled { change(to: true, because: error) }
        }
    }

    private func change(to value: Bool, because error: StoreError?) {
        let changed = isOn.withLock { isOn in
            defer { isOn = value }
            return isOn != value
        }
        guard changed else { return }
        if let error {
            // What Redis refuses has its own line.
            logger.log(
                level: error.code == .refused ? .debug : .warning, "\(work) fails", metadata: ["error": "\(error)"])
        } else {
            logger.info("\(work) works again")
        }
    }
}
