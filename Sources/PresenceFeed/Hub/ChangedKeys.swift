// Rollcall · PresenceFeed

package import PresenceModel
import Synchronization

/// Keys with changed data, on their way from the fetch hook to a hub.
///
/// The keys that wait are a set, so their bound is the number of keys that the hook knows, however often they change.
package final class ChangedKeys: Sendable {
    private let waiting = Mutex<Set<Key>>([])
    private let signal = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    package init() {}

    package func add(_ keys: Set<Key>) {
        waiting.withLock { $0.formUnion(keys) }
        signal.continuation.yield()
    }

    /// Calls `body` with the keys that wait, each time there are some, until cancelled.
    ///
    /// Called once. Keys that are added while `body` works are one batch afterwards.
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
