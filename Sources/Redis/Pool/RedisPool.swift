// Rollcall · Redis

package import Logging
package import NIOCore
import ServiceLifecycle
import Synchronization

/// A few connections to one Redis, each on its own event loop; the pool opens a lost one again.
package final class RedisPool: Service, Sendable {
    private struct Contents: Sendable {
        /// The open connections, `RedisOptions.connections` at most.
        var connections: [RedisConnection] = []
        /// The index of the connection that was offered last.
        var lastIndex = 0
        /// Bounded by the callers, each of which leaves after its time-out.
        var waiters: [Int: CheckedContinuation<Bool, Never>] = [:]
        var nextWaiter = 0
        var observers: [@Sendable (PoolEvent) -> Void] = []
        /// Why the last attempt to connect failed.
        var failure: RedisError?
    }

    private struct Checking: Sendable {
        var running = 0
        var lastEnd: ContinuousClock.Instant?
        /// Bounded by the callers, each of which leaves at the end of the running check.
        var waiters: [CheckedContinuation<Bool, Never>] = []
    }

    private let url: RedisURL
    private let options: RedisOptions
    private let eventLoops: [any EventLoop]
    private let logger: Logger
    private let contents = Mutex(Contents())
    private let troubles: RedisTroubleLog
    private let checking = Mutex(Checking())
    /// Requests for a check; one check serves all that came before it.
    private let checks = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// Opens no connection; ``run()`` does.
    package init(url: RedisURL, options: RedisOptions, eventLoopGroup: any EventLoopGroup, logger: Logger) {
        self.url = url
        self.options = options
        self.eventLoops = (0..<max(1, options.connections)).map { _ in eventLoopGroup.next() }
        self.logger = logger
        self.troubles = RedisTroubleLog(url: url, hold: options.troubleHold, logger: logger)
    }

    /// Calls `observer` with all later events, in their order, on one event loop.
    package func observe(_ observer: @escaping @Sendable (PoolEvent) -> Void) {
        contents.withLock { $0.observers.append(observer) }
    }

    /// Keeps the connections up until graceful shutdown or cancellation, then drains them.
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
                    group.addTask { await self.checkOnRequest() }
                }
            }
        }
    }

    /// Returns the open connections in turn; throws `.unavailable` at once when there is none.
    package func connection() throws(RedisError) -> RedisConnection {
        let connection = contents.withLock { contents -> RedisConnection? in
            // A connection that has just ended stays in the list for a moment.
            for _ in contents.connections {
                contents.lastIndex = (contents.lastIndex + 1) % contents.connections.count
                if contents.connections[contents.lastIndex].isOpen { return contents.connections[contents.lastIndex] }
            }
            return nil
        }
        guard let connection else { throw RedisError(.unavailable, "no connection to Redis is up") }
        return connection
    }

    /// Waits until a connection is up; returns false when none is after `timeout`.
    package func waitUntilConnected(timeout: Duration) async -> Bool {
        await withCheckedContinuation { waiter in
            let number = contents.withLock { contents -> Int? in
                // A connection that has just ended stays in the list for a moment.
                guard !contents.connections.contains(where: \.isOpen) else { return nil }
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
            // Warns only about an unreachable Redis; the trouble log reports other troubles.
            logger.log(
                level: attempts.deservesWarning && trouble.kind == .unreachable ? .warning : .debug,
                "redis: \(lived > .zero ? "connection lost" : "cannot connect")",
                metadata: ["redis": "\(url)", "reason": "\(reason)", "attempt": "\(attempts.failures)"])
            try? await Task.sleep(for: pause)
        }
    }

    /// Offers a connection until its end, and returns the reason of the end.
    ///
    /// A connection to a read-only server is replaced each `readOnlyInterval`: its address may lead to the primary now.
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
            guard let next = await successor(of: connection, connector, on: eventLoop) else {
                let reason = await connection.untilClosed()
                remove(connection)
                return reason
            }
            replace(connection, with: next)
            connection.drainReplaced()
            connection = next
        }
    }

    /// Attempts to connect after each `readOnlyInterval`; nil when the connection is closed or the pool ends first.
    private func successor(
        of connection: RedisConnection, _ connector: RedisConnector, on eventLoop: any EventLoop
    ) async -> RedisConnection? {
        await withTaskGroup(of: RedisConnection?.self) { group in
            group.addTask {
                while (try? await Task.sleep(for: self.options.readOnlyInterval)) != nil {
                    do throws(RedisError) {
                        return try await connector.connect(on: eventLoop)
                    } catch {
                        self.logger.debug(
                            "redis: read-only connection not replaced",
                            metadata: ["redis": "\(self.url)", "reason": "\(error)"])
                    }
                }
                return nil
            }
            group.addTask {
                await connection.untilClosedOrCancelled()
                // An attempt to connect may still run. The closed connection must not be offered meanwhile.
                if !connection.isOpen { self.remove(connection) }
                return nil
            }
            var next = await group.next() ?? nil
            group.cancelAll()
            for await late in group where late != nil { next = late }
            return next
        }
    }

    private func add(_ connection: RedisConnection) {
        let server = connection.server
        logger.info("redis: connected", metadata: ["redis": "\(url)", "version": "\(server.version)"])
        let waiters = contents.withLock { contents in
            // A check of another connection may have found missing rights after this handshake.
            if let known = contents.connections.lazy.map(\.standing).first(where: { !$0.missing.isEmpty }) {
                connection.setStanding(connection.standing.completed(by: known))
            }
            // The rights that this handshake found missing are the newest, so the other connections get them.
            if !connection.standing.missing.isEmpty {
                for other in contents.connections { other.setStanding(connection.standing) }
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

    /// Replaces a connection; observers get an event only when the server or its standing changed.
    private func replace(_ old: RedisConnection, with new: RedisConnection) {
        let isReplaced = contents.withLock { contents in
            guard let index = contents.connections.firstIndex(where: { $0 === old }) else { return false }
            contents.connections[index] = new
            if old.server != new.server || old.standing != new.standing {
                notify(.connected(new.server), contents.observers)
            }
            return true
        }
        if isReplaced { noteTrouble() } else { add(new) }
    }

    /// Removes a connection that is closed; a second call has no effect.
    private func remove(_ connection: RedisConnection) {
        contents.withLock { contents in
            guard let index = contents.connections.firstIndex(where: { $0 === connection }) else { return }
            contents.connections.remove(at: index)
            if contents.connections.isEmpty { notify(.lost, contents.observers) }
        }
    }

    /// Sends an event to the observers, on an event loop.
    ///
    /// Called under the lock, so that events have the order of the changes.
    private func notify(_ event: PoolEvent, _ observers: [@Sendable (PoolEvent) -> Void]) {
        eventLoops[0].execute { for observer in observers { observer(event) } }
    }
}

// MARK: - Troubles

extension RedisPool {
    /// The trouble that keeps commands from working in full; nil when there is none.
    package var trouble: RedisTrouble? { troubles.trouble(of: .commands) ?? troubles.trouble(of: .replies) }

    /// The trouble that keeps messages from arriving; nil when there is none.
    package var messageTrouble: RedisTrouble? { troubles.trouble(of: .messages) }

    /// Notes that Redis refused a command, and requests a check of all connections.
    ///
    /// A full Redis is not checked, because it may refuse each write; the next regular check finds its end.
    package func noteRefusal(_ error: RedisError) {
        let trouble = RedisTrouble(error)
        if trouble.kind == .full, options.admission != nil {
            let isNew = contents.withLock { $0.connections }.reduce(false) { $1.noteRefusal(error) || $0 }
            if isNew { noteTrouble() }
            return
        }
        if trouble.kind == .rights { troubles.note(trouble, from: .replies) }
        if trouble.kind == .readOnly, options.admission != nil { share(RedisPermissions(refusal: error)) }
        checks.continuation.yield()
    }

    /// Asks all connections at once what Redis permits; takes one command time-out at most.
    package func check() async {
        checking.withLock { $0.running += 1 }
        await runCheck()
    }

    private func runCheck() async {
        await askAll()
        let waiters = checking.withLock { checking in
            checking.running -= 1
            checking.lastEnd = .now
            defer { checking.waiters = [] }
            return checking.waiters
        }
        for waiter in waiters { waiter.resume(returning: true) }
    }

    /// Returns once a check has ended that is at most `age` old: an earlier one, the running one or a new one.
    package func check(within age: Duration) async {
        let isChecked = await withCheckedContinuation { (waiter: CheckedContinuation<Bool, Never>) in
            let isFresh: Bool? = checking.withLock { checking in
                if let end = checking.lastEnd, end.duration(to: .now) < age { return true }
                if checking.running == 0 {
                    checking.running = 1
                    return false
                }
                checking.waiters.append(waiter)
                return nil
            }
            if let isFresh { waiter.resume(returning: isFresh) }
        }
        if !isChecked { await runCheck() }
    }

    private func askAll() async {
        guard let admission = options.admission else { return }
        let connections = contents.withLock { $0.connections }.filter { !$0.standing.isReadOnly }
        let refusal = await withTaskGroup(of: RedisTrouble?.self) { group in
            for connection in connections {
                group.addTask {
                    // `use` handles the end of a failed connection. A refused script is a trouble by itself.
                    do throws(RedisError) { try await connection.ask(admission) } catch {
                        let trouble = RedisTrouble(error)
                        return trouble.kind == .rights ? trouble : nil
                    }
                    return nil
                }
            }
            return await group.reduce(nil) { $0 ?? $1 }
        }
        if let refusal { return troubles.note(refusal, from: .commands) }
        if let standing = connections.lazy.map(\.standing).first(where: { !$0.allowsWrites }) { share(standing) }
        noteTrouble()
    }

    /// Sets the standing of all connections to that of one of them.
    ///
    /// The others would send writes until the next check, and the reply of a read-only server would close each of them.
    private func share(_ standing: RedisPermissions) {
        for connection in contents.withLock({ $0.connections }) { connection.setStanding(standing) }
    }

    func noteMessageTrouble(_ trouble: RedisTrouble?) { troubles.note(trouble, from: .messages) }

    /// Runs the checks that refused commands and the timer request, at most ten a second.
    private func checkOnRequest() async {
        for await _ in checks.stream {
            await check()
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

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

/// An event of the connections of a pool.
package enum PoolEvent: Sendable, Hashable {
    /// A connection is ready, for the first time or again.
    case connected(RedisServerInfo)
    /// The last open connection has ended.
    case lost
    /// No connection can be made until an operator does something.
    case refused(RedisTrouble)
}
