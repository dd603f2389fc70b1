// Rollcall · rollcall

import Logging
import PresenceStore
import Redis
import ServiceLifecycle

/// Greets every connection to Redis: it may lead to another Redis than the last one, or to one that lost writes.
///
/// First it makes sure that Redis belongs to this kind of deployment, then it has the leases of open streams renewed and
/// what is missing put back.
struct RedisArrivals: Service {
    let store: PresenceStore
    let leases: LeaseKeeper
    let logger: Logger
    private let arrivals: AsyncStream<RedisServerInfo>
    private let arrival: AsyncStream<RedisServerInfo>.Continuation

    /// A pool's `onChange`, and the stream that it feeds: the pool must exist before the store that this service needs.
    struct Inlet: Sendable {
        // The newest arrival stands for all before it.
        fileprivate let pipe = AsyncStream<RedisServerInfo>.makeStream(bufferingPolicy: .bufferingNewest(1))

        @Sendable func receive(_ event: PoolEvent) {
            if case .connected(let server) = event { pipe.continuation.yield(server) }
        }
    }

    init(_ inlet: Inlet, store: PresenceStore, leases: LeaseKeeper, logger: Logger) {
        self.store = store
        self.leases = leases
        self.logger = logger
        (arrivals, arrival) = inlet.pipe
    }

    /// Runs until graceful shutdown.
    ///
    /// Throws when Redis belongs to a deployment that this node cannot be part of.
    func run() async throws {
        try await withGracefulShutdownHandler {
            for await server in arrivals { try await greet(server) }
        } onGracefulShutdown: {
            arrival.finish()
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
        } catch  where error.code == .misconfigured {
            throw ProgramError.usage("this node cannot use its Redis: \(error.message)")
        } catch {
            // Lost again already, or full: the next arrival will tell.
            logger.debug("Redis could not be greeted", metadata: ["error": "\(error)"])
        }
        leases.recover()
    }
}
