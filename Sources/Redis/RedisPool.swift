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
        /// Why the last attempt to connect failed.
        var failure: RedisError?
    }

    private let url: RedisURL
    private let options: RedisOptions
    private let eventLoops: [any EventLoop]
    private let logger: Logger
    private let contents = Mutex(Contents())
    private let troubles: RedisTroubleLog
    /// One check stands for all that were asked for before it.
    private let checks = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// Opens nothing yet, which is for `run`.
    package init(url: RedisURL, options: RedisOptions, eventLoopGroup: any EventLoopGroup, logger: Logger) {
        self.url = url
        self.options = options
        self.eventLoops = (0..<max(1, options.connections)).map { _ in eventLoopGroup.next() }
        self.logger = logger
        self.troubles = RedisTroubleLog(url: url, hold: options.troubleHold, logger: logger)
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
                if self.options.admission != nil {
                    group.addTask { await self.checkRegularly() }
                    group.addTask { for await _ in self.checks.stream { await self.check() } }
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
                reason = await use(try await connector.connect(on: eventLoop), connector, on: eventLoop)
                lived = start.duration(to: .now)
            } catch {
                reason = error
            }
            guard !Task.isCancelled else { return }
            let pause = attempts.pause(after: reason, lived: lived)
            let trouble = RedisTrouble(reason)
            contents.withLock { contents in
                contents.failure = reason
                if trouble.isPermanent { notify(.refused(trouble), contents.observers) }
            }
            noteTrouble()
            // A trouble that somebody must end has its own line. Each loss is logged once.
            logger.log(
                level: attempts.isNews && trouble.kind == .unreachable ? .warning : .debug,
                "\(lived > .zero ? "Lost a connection to Redis" : "Cannot connect to Redis")",
                metadata: ["redis": "\(url)", "reason": "\(reason)", "attempt": "\(attempts.failures)"])
            try? await Task.sleep(for: pause)
        }
    }

    /// Offers a connection until its end, and returns the reason of that.
    ///
    /// One to a read-only server is replaced from time to time: the same address may lead to the primary by now.
    private func use(
        _ first: RedisConnection, _ connector: RedisConnector, on eventLoop: any EventLoop
    ) async -> RedisError {
        var connection = first
        add(connection)
        while true {
            if let reason = await connection.untilClosedOrReadOnly() {
                remove(connection)
                return reason
            }
            noteTrouble()
            let isCancelled = (try? await Task.sleep(for: options.readOnlyInterval)) == nil
            if isCancelled { connection.drain() }
            guard !isCancelled, connection.isOpen else {
                let reason = await connection.untilClosed()
                remove(connection)
                return reason
            }
            guard let next = try? await connector.connect(on: eventLoop) else { continue }
            replace(connection, with: next)
            connection.drain()
            connection = next
        }
    }

    private func add(_ connection: RedisConnection) {
        let server = connection.server
        logger.info("Connected to Redis", metadata: ["redis": "\(url)", "version": "\(server.version)"])
        let waiters = contents.withLock { contents in
            // What others were asked since this handshake counts, until the next check.
            if let known = contents.connections.lazy.map(\.standing).first(where: { !$0.missing.isEmpty }) {
                connection.stand(known)
            }
            // What this one was asked is as new for the others.
            if !connection.standing.missing.isEmpty {
                for other in contents.connections { other.stand(connection.standing) }
            }
            contents.connections.append(connection)
            contents.failure = nil
            notify(.connected(server), contents.observers)
            defer { contents.waiters = [:] }
            return contents.waiters.values
        }
        noteTrouble()
        for waiter in waiters { waiter.resume(returning: true) }
    }

    /// Offers a connection in place of another one; what observes the pool is notified only of a change.
    private func replace(_ old: RedisConnection, with new: RedisConnection) {
        contents.withLock { contents in
            contents.connections.removeAll { $0 === old }
            contents.connections.append(new)
            if old.server != new.server || old.standing != new.standing {
                notify(.connected(new.server), contents.observers)
            }
        }
        noteTrouble()
    }

    private func remove(_ connection: RedisConnection) {
        contents.withLock { contents in
            contents.connections.removeAll { $0 === connection }
            if contents.connections.isEmpty { notify(.lost, contents.observers) }
        }
    }

    /// Hands the event to an event loop: under the lock, so that the order of events is that of the changes.
    private func notify(_ event: PoolEvent, _ observers: [@Sendable (PoolEvent) -> Void]) {
        eventLoops[0].execute { for observer in observers { observer(event) } }
    }
}

// MARK: - What Redis lets us do

extension RedisPool {
    /// What keeps commands from being carried out in full; nil when nothing does.
    package var trouble: RedisTrouble? { troubles.trouble(of: .commands) ?? troubles.trouble(of: .replies) }

    /// What keeps messages from coming; nil when nothing does.
    package var messageTrouble: RedisTrouble? { troubles.trouble(of: .messages) }

    /// Takes note of a refusal that a command met, and has the standing of all connections looked at soon.
    package func noteRefusal(_ error: RedisError) {
        let trouble = RedisTrouble(error)
        if trouble.kind == .rights { troubles.note(trouble, from: .replies) }
        if trouble.kind == .readOnly, options.admission != nil { share(RedisStanding(refusal: error)) }
        checks.continuation.yield()
    }

    /// Finds out what Redis lets us do, on all connections that are up.
    package func check() async {
        guard let admission = options.admission else { return }
        for connection in contents.withLock({ $0.connections }) where !connection.standing.isReadOnly {
            // A connection that fails is noticed by its end; a refused script is a trouble by itself.
            do throws(RedisError) { try await connection.ask(admission) } catch {
                guard RedisTrouble(error).kind == .rights else { continue }
                return troubles.note(RedisTrouble(error), from: .commands)
            }
            if !connection.standing.allowsWrites { share(connection.standing) }
        }
        noteTrouble()
    }

    /// Has all connections keep to what one of them met: they would send writes until they are asked, and a read-only
    /// server's reply would close them in turn.
    private func share(_ standing: RedisStanding) {
        for connection in contents.withLock({ $0.connections }) { connection.stand(standing) }
    }

    func noteMessageTrouble(_ trouble: RedisTrouble?) { troubles.note(trouble, from: .messages) }

    private func checkRegularly() async {
        while (try? await Task.sleep(for: options.admissionInterval)) != nil { checks.continuation.yield() }
        checks.continuation.finish()
    }

    private func noteTrouble() {
        let user = "the user of \(options.urlName)"
        let trouble = contents.withLock { contents in
            contents.connections.isEmpty
                ? contents.failure.map { RedisTrouble($0) }
                : contents.connections.lazy.compactMap { $0.standing.trouble(user: user) }.first
        }
        troubles.note(trouble, from: .commands)
    }
}
