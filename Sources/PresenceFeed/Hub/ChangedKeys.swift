// Rollcall · PresenceFeed

package import PresenceModel
import Synchronization

/// Keys with changed data, on their way from the fetch hook to a hub.
///
/// What waits is a set, so its bound is the number of keys that the hook knows, however often they change.
package final class ChangedKeys: Sendable {
    private let waiting = Mutex<Set<Key>>([])
    private let signal = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    package init() {}

    package func add(_ keys: Set<Key>) {
        waiting.withLock { $0.formUnion(keys) }
        signal.continuation.yield()
    }

    /// Hands out what waits, each time something does, until cancelled.
    ///
    /// Called once. What comes while `body` works is handed out together afterwards.
    func forEachBatch(_ body: (Set<Key>) async -> Void) async {
        for await _ in signal.stream {
            let keys = waiting.withLock { waiting in
                defer { waiting = [] }
                return waiting
            }
            if !keys.isEmpty { await body(keys) }
        }
    }
}
