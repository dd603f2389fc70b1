// Rollcall · rollcall

import Logging
import PresenceStore
import Redis
import ServiceLifecycle

/// Greets every connection to Redis: it may lead to another Redis than the last one, or to one that lost writes.
///
/// First it makes sure that Redis belongs to this kind of deployment, then it has the leases of open streams renewed and
/// what is missing put back.
struct RedisConnectionChecks: Service {
    let store: PresenceStore
    let leases: LeaseKeeper
    let logger: Logger
    private let inlet: ConnectionEvents

    /// What observes the pool from its beginning on: the pool must exist before the store that this service needs.
    final class ConnectionEvents: Sendable {
        // The newest arrival stands for all before it.
        fileprivate let pipe = AsyncStream<RedisServerInfo>.makeStream(bufferingPolicy: .bufferingNewest(1))
        private let verdict = AsyncFlag()

        @Sendable func receive(_ event: PoolEvent) {
            switch event {
            case .connected(let server): pipe.continuation.yield(server)
            case .refused: verdict.settle(false)
            case .lost: break
            }
        }

        fileprivate func settle(_ isUsable: Bool) { verdict.settle(isUsable) }

        /// Waits until Redis is known to belong to this kind of deployment.
        ///
        /// False when it is not by then, or earlier when it cannot be used until an operator does something.
        func waitUntilChecked(timeout: Duration) async throws -> Bool {
            try await withThrowingTaskGroup(of: Bool.self) { [verdict] group in
                group.addTask { await verdict.value }
                group.addTask {
                    // Ends by an error when the node may not start.
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

    init(_ inlet: ConnectionEvents, store: PresenceStore, leases: LeaseKeeper, logger: Logger) {
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
            var policy = ""
            for await server in inlet.pipe.stream {
                if server.maxmemoryPolicy != policy { warn(of: server.maxmemoryPolicy) }
                policy = server.maxmemoryPolicy
                try await checkDeployment()
            }
        } onGracefulShutdown: {
            inlet.pipe.continuation.finish()
        }
    }

    /// Logs a policy under which presences can vanish.
    private func warn(of policy: String) {
        guard !["noeviction", ""].contains(policy) else { return }
        logger.warning(
            "Redis may evict presences; set its maxmemory-policy to noeviction", metadata: ["policy": "\(policy)"])
    }

    private func checkDeployment() async throws {
        do {
            try await store.prepare()
            inlet.settle(true)
        } catch  where error.code == .misconfigured {
            throw ProgramError.usage("this node cannot use its Redis: \(error.message)")
        } catch {
            // Lost again already, or it refuses writes and is new: the next arrival decides.
            if error.code == .refused || error.code == .outOfMemory { inlet.settle(false) }
            logger.debug("redis: greeting failed", metadata: ["error": "\(error)"])
        }
        leases.recover()
    }
}
