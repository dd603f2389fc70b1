// Rollcall · rollcall

import Logging
import PresenceStore
import Redis
import ServiceLifecycle

/// Checks Redis at every new connection, which may lead to another Redis, or to one that lost writes.
///
/// It first checks that Redis belongs to this kind of deployment. Then it starts the lease keeper's renewal of open
/// streams, which restores missing presences.
struct RedisConnectionChecks: Service {
    let store: PresenceStore
    let leases: LeaseKeeper
    let logger: Logger
    private let events: ConnectionEvents

    /// Observes the pool from its start; a type of its own, because the service needs a store, which needs the pool.
    final class ConnectionEvents: Sendable {
        // A check of the newest connection covers all before it.
        fileprivate let servers = AsyncStream<RedisServerInfo>.makeStream(bufferingPolicy: .bufferingNewest(1))
        private let usable = AsyncFlag()

        @Sendable func receive(_ event: PoolEvent) {
            switch event {
            case .connected(let server): servers.continuation.yield(server)
            case .refused: usable.settle(false)
            case .lost: break
            }
        }

        fileprivate func settle(_ isUsable: Bool) { usable.settle(isUsable) }

        /// Waits until Redis has passed the deployment check.
        ///
        /// False at the time-out, or as soon as Redis cannot be used until an operator acts.
        func waitUntilChecked(timeout: Duration) async throws -> Bool {
            try await withThrowingTaskGroup(of: Bool.self) { [usable] group in
                group.addTask { await usable.value }
                group.addTask {
                    // Throws when the node is cancelled because it may not start.
                    try await Task.sleep(for: timeout)
                    return false
                }
                defer { group.cancelAll() }
                let isUsable = try await group.next() ?? false
                try Task.checkCancellation()
                return isUsable
            }
        }
    }

    init(_ events: ConnectionEvents, store: PresenceStore, leases: LeaseKeeper, logger: Logger) {
        self.store = store
        self.leases = leases
        self.logger = logger
        self.events = events
    }

    /// Runs until graceful shutdown.
    ///
    /// Throws if Redis belongs to a deployment that this node cannot be part of.
    func run() async throws {
        try await withGracefulShutdownHandler {
            var policy = ""
            for await server in events.servers.stream {
                if server.maxmemoryPolicy != policy { warn(of: server.maxmemoryPolicy) }
                policy = server.maxmemoryPolicy
                try await checkDeployment()
            }
        } onGracefulShutdown: {
            events.servers.continuation.finish()
        }
    }

    /// Logs a policy under which Redis may evict presences.
    private func warn(of policy: String) {
        guard !["noeviction", ""].contains(policy) else { return }
        logger.warning(
            "redis: maxmemory-policy may evict presences", metadata: ["policy": "\(policy)"])
    }

    private func checkDeployment() async throws {
        do {
            try await store.prepare()
            events.settle(true)
        } catch  where error.code == .misconfigured {
            throw ProgramError.usage("this node cannot use its Redis: \(error.message)")
        } catch {
            // The connection is lost again, or a new Redis refuses writes: the next connection is checked again.
            if error.code == .refused || error.code == .outOfMemory { events.settle(false) }
            logger.debug("redis: deployment check failed", metadata: ["error": "\(error)"])
        }
        leases.recover()
    }
}

/// Delays a service that must not run on a Redis of another deployment, and would only log failures without any.
struct WaitsForRedis: Service {
    let redis: RedisConnectionChecks.ConnectionEvents
    let service: any Service

    /// Waits up to 2 s for the deployment check; if Redis stays away, the service runs and handles that itself.
    func run() async throws {
        _ = try await redis.waitUntilChecked(timeout: .seconds(2))
        try await service.run()
    }
}
