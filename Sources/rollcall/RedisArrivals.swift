// Rollcall · rollcall

import Logging
import PresenceStore
import Redis
import ServiceLifecycle
import Synchronization

/// Greets every connection to Redis: it may lead to another Redis than the last one, or to one that lost writes.
///
/// First it makes sure that Redis belongs to this kind of deployment, then it has the leases of open streams renewed and
/// what is missing put back.
struct RedisArrivals: Service {
    let store: PresenceStore
    let leases: LeaseKeeper
    let logger: Logger
    private let inlet: Inlet

    /// What observes the pool from its beginning on: the pool must exist before the store that this service needs.
    final class Inlet: Sendable {
        // The newest arrival stands for all before it.
        fileprivate let pipe = AsyncStream<RedisServerInfo>.makeStream(bufferingPolicy: .bufferingNewest(1))
        fileprivate let isGreeted = Atomic(false)

        @Sendable func receive(_ event: PoolEvent) {
            if case .connected(let server) = event { pipe.continuation.yield(server) }
        }

        /// Waits until Redis is known to belong to this kind of deployment; false when it is not by then.
        func waitUntilGreeted(timeout: Duration) async throws -> Bool {
            let end = ContinuousClock.now + timeout
            while !isGreeted.load(ordering: .relaxed) {
                if .now >= end { return false }
                // Ends by an error when the node may not start.
                try await Task.sleep(for: .milliseconds(10))
            }
            return true
        }
    }

    init(_ inlet: Inlet, store: PresenceStore, leases: LeaseKeeper, logger: Logger) {
        self.store = store
        self.leases = leases
        self.logger = logger
        self.inlet = inlet
    }

    /// Runs until graceful shutdown.
    ///
    /// Throws when Redis belongs to a deployment that this node cannot be part of.
    func run() async throws {
        try await withGracefulShutdownHandler {
            for await server in inlet.pipe.stream { try await greet(server) }
        } onGracefulShutdown: {
            inlet.pipe.continuation.finish()
        }
    }

    private func greet(_ server: RedisServerInfo) async throws {
        if !["noeviction", ""].contains(server.maxmemoryPolicy) {
            logger.warning(
                "Redis may evict presences; set its maxmemory-policy to noeviction",
                metadata: ["policy": "\(server.maxmemoryPolicy)"])
        }
        do {
            try await store.prepare()
            inlet.isGreeted.store(true, ordering: .relaxed)
        } catch  where error.code == .misconfigured {
            throw ProgramError.usage("this node cannot use its Redis: \(error.message)")
        } catch {
            // Lost again already, or full and new: the next arrival will tell.
            logger.debug("Redis could not be greeted", metadata: ["error": "\(error)"])
        }
        leases.recover()
    }
}
