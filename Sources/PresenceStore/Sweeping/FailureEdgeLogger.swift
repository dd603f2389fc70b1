// Rollcall · PresenceStore

package import Logging
import Synchronization

/// Logs when some work begins to fail and when it works again, and no failure in between.
package final class FailureEdgeLogger: Sendable {
    private let work: String
    private let logger: Logger
    private let isFailing = Mutex(false)

    package init(work: String, logger: Logger) {
        self.work = work
        self.logger = logger
    }

    /// Runs the work once: an error begins an outage, unless the task is cancelled, and a success ends it.
    package func watch(_ body: () async throws(StoreError) -> Void) async {
        do throws(StoreError) {
            try await body()
            setFailing(false, error: nil)
        } catch {
            if !Task.isCancelled { setFailing(true, error: error) }
        }
    }

    private func setFailing(_ value: Bool, error: StoreError?) {
        let changed = isFailing.withLock { isFailing in
            defer { isFailing = value }
            return isFailing != value
        }
        guard changed else { return }
        if let error {
            // The pool logs refusals.
            logger.log(
                level: error.code == .refused ? .debug : .warning, "\(work) fails", metadata: ["error": "\(error)"])
        } else {
            logger.info("\(work) works again")
        }
    }
}
