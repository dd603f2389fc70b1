// Rollcall · Redis

package import Logging
package import NIOCore
import ServiceLifecycle
import Synchronization

/// A few connections to one Redis, each on an event loop of its own, each coming back by itself when it is lost.
package final class RedisPool: Service, Sendable {
    private struct Contents: Sendable {
        /// Those that are up, at most as many as the options say.
        var connections: [RedisConnection] = []
        var turn = 0
        /// Bounded by the callers, each of which leaves after its time-out.
        var waiters: [Int: CheckedContinuation<Bool, Never>] = [:]
        var nextWaiter = 0
        var observers: [@Sendable (PoolEvent) -> Void] = []
    }

    private let url: RedisURL
    private let options: RedisOptions
    private let eventLoops: [any EventLoop]
    private let logger: Logger
    private let contents = Mutex(Contents())

    /// Opens nothing yet, which is for `run`.
    package init(url: RedisURL, options: RedisOptions, eventLoopGroup: any EventLoopGroup, logger: Logger) {
        self.url = url
        self.options = options
        self.eventLoops = (0..<max(1, options.connections)).map { _ in eventLoopGroup.next() }
        self.logger = logger
    }

    /// Has `observer` called with all events from now on, in their order, on one event loop.
    package func observe(_ observer: @escaping @Sendable (PoolEvent) -> Void) {
        contents.withLock { $0.observers.append(observer) }
    }

    /// Keeps the connections up until graceful shutdown or cancellation, which let what was sent be answered.
    ///
    /// Throws only when the settings can never work.
    package func run() async throws {
        let connector = try RedisConnector(url: url, options: options)
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for eventLoop in self.eventLoops {
                    group.addTask { await self.keepConnected(connector, on: eventLoop) }
                }
            }
        }
    }

    /// Gives a connection that is up, in turn, or throws `.unavailable` at once.
    package func connection() throws(RedisError) -> RedisConnection {
        let connection = contents.withLock { contents -> RedisConnection? in
            guard !contents.connections.isEmpty else { return nil }
            contents.turn = (contents.turn + 1) % contents.connections.count
            return contents.connections[contents.turn]
        }
        guard let connection else { throw RedisError(.unavailable, "no connection to Redis is up") }
        return connection
    }

    package var isConnected: Bool {
        contents.withLock { !$0.connections.isEmpty }
    }

    /// Waits until a connection is up; false when none is by then.
    package func waitUntilConnected(timeout: Duration) async -> Bool {
        await withCheckedContinuation { waiter in
            let number = contents.withLock { contents -> Int? in
                guard contents.connections.isEmpty else { return nil }
                contents.nextWaiter += 1
                contents.waiters[contents.nextWaiter] = waiter
                return contents.nextWaiter
            }
            guard let number else { return waiter.resume(returning: true) }
            eventLoops[0].scheduleTask(in: TimeAmount(timeout)) {
                self.contents.withLock { $0.waiters.removeValue(forKey: number) }?.resume(returning: false)
            }
        }
    }

    private func keepConnected(_ connector: RedisConnector, on eventLoop: any EventLoop) async {
        var attempts = RedisAttempts(backoff: options.backoff)
        while !Task.isCancelled {
            let start = ContinuousClock.now
            var lived = Duration.zero
            let reason: RedisError
            do throws(RedisError) {
                let connection = try await connector.connect(on: eventLoop)
                add(connection)
                reason = await connection.untilClosed()
                remove(connection)
                lived = start.duration(to: .now)
            } catch {
                reason = error
            }
            guard !Task.isCancelled else { return }
            let pause = attempts.pause(after: reason, lived: lived)
            // Each loss is told once; that Redis stays away is not news.
            logger.log(
                level: lived > .zero || attempts.failures == 1 ? .warning : .debug,
                "\(lived > .zero ? "Lost a connection to Redis" : "Cannot connect to Redis")",
                metadata: ["redis": "\(url)", "reason": "\(reason)", "attempt": "\(attempts.failures)"])
            try? await Task.sleep(for: pause)
        }
    }

    private func add(_ connection: RedisConnection) {
        let server = connection.server
        logger.info("Connected to Redis", metadata: ["redis": "\(url)", "version": "\(server.version)"])
        let waiters = contents.withLock { contents in
            contents.connections.append(connection)
            tell(.connected(server), contents.observers)
            defer { contents.waiters = [:] }
            return contents.waiters.values
        }
        for waiter in waiters { waiter.resume(returning: true) }
    }

    private func remove(_ connection: RedisConnection) {
        contents.withLock { contents in
            contents.connections.removeAll { $0 === connection }
            if contents.connections.isEmpty { tell(.lost, contents.observers) }
        }
    }

    /// Hands the event to an event loop: under the lock, so that the order of events is that of the changes.
    private func tell(_ event: PoolEvent, _ observers: [@Sendable (PoolEvent) -> Void]) {
        eventLoops[0].execute { for observer in observers { observer(event) } }
    }
}
