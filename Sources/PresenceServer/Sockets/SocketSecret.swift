// Rollcall · PresenceServer

import Crypto
import Foundation
package import Logging
package import PresenceStore
import ServiceLifecycle
import Synchronization

/// The secret by which nodes sign the tokens of long polls.
///
/// It is read at each new connection to Redis, and when Redis no longer lists the node; a node puts it back if Redis
/// lost it. Until the first reading a node signs with one of its own: then only that node knows its sessions.
package final class SocketSecret: Service, Sendable {
    private let store: PresenceStore
    private let reading: FailureEdgeLogger
    private let secret: Mutex<[UInt8]>
    /// One reading serves all requests before it.
    private let requests = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    package init(store: PresenceStore, logger: Logger) {
        self.store = store
        reading = FailureEdgeLogger(work: "sockets: reading of the secret", logger: logger)
        let candidate = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
        secret = Mutex(candidate)
    }

    /// Requests a reading of the secret.
    package func readSoon() { requests.continuation.yield() }

    /// Makes the code of some bytes.
    func sign(_ bytes: [UInt8]) -> [UInt8] {
        let key = SymmetricKey(data: secret.withLock { $0 })
        return Array(HMAC<SHA256>.authenticationCode(for: bytes, using: key))
    }

    /// Reads until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in self.requests.stream {
                await self.reading.watch { () throws(StoreError) in
                    do throws(StoreError) {
                        try await self.read()
                    } catch {
                        // The next connection comes only if this one is lost.
                        if error.isTransient { self.readSoon() }
                        throw error
                    }
                }
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func read() async throws(StoreError) {
        let stored = try await store.socketSecret(orKeep: secret.withLock { $0 })
        secret.withLock { $0 = stored }
    }
}
