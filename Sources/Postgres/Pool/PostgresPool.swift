// Rollcall · Postgres

import Basics
package import Logging
import ServiceLifecycle
import Synchronization

/// A few connections to one PostgreSQL, each lent to one caller at a time and replaced when it ends.
package final class PostgresPool: Service {
    private typealias Lease = PostgresLease<PostgresConnection>
    private typealias Waiter = FirstOutcome<Result<Lease, PostgresError>>
    private typealias State = PostgresPoolState<PostgresConnection, Waiter>

    private let url: PostgresURL
    private let options: PostgresPoolOptions
    private let logger: Logger
    private let state: Mutex<State>
    /// One element for each `.open` of the state, which never has more of them than the buffer holds.
    private let openings: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)

    /// Opens no connection; ``run()`` does.
    package init(url: PostgresURL, options: PostgresPoolOptions = PostgresPoolOptions(), logger: Logger) {
        self.url = url
        self.options = options
        self.logger = logger
        state = Mutex(State(options: options))
        openings = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(options.maximum))
    }

    /// Keeps connections open until graceful shutdown or cancellation, which end all running requests.
    package func run() async {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                self.update { $0.start() }
                group.addTask { await self.watch() }
                for await _ in self.openings.stream { group.addTask { await self.open() } }
                let actions = self.state.withLock { $0.shutDown() }
                self.perform(actions)
                for case .close(let connection) in actions { await connection.closed() }
            }
        }
    }

    /// Why no connection is up; nil while one is.
    package var fault: String? { state.withLock { $0.fault?.advice } }

    /// Runs one statement, as ``PostgresConnection/query(_:_:timeout:maximumRows:maximumBytes:)`` does, on a connection
    /// that is free within `timeout`.
    ///
    /// While none is up it throws `.unavailable`: at once when the last attempt failed, else after `timeout`. A
    /// statement is run again when its connection is lost, so it must be safe to repeat. A cancelled caller waits no
    /// longer for a connection, but still for an answer.
    package func query(
        _ sql: String, _ parameters: [PostgresParameter] = [], timeout: Duration, maximumRows: Int = 10_000,
        maximumBytes: Int = 16 << 20
    ) async throws(PostgresError) -> PostgresRows {
        let deadline = ContinuousClock.now + timeout
        var losses = 0
        while true {
            let lease = try await lease(before: deadline)
            do throws(PostgresError) {
                let result = try await lease.connection.query(
                    sql, parameters, timeout: ContinuousClock.now.duration(to: deadline), maximumRows: maximumRows,
                    maximumBytes: maximumBytes)
                giveBack(lease)
                return result
            } catch {
                giveBack(lease, error)
                switch error.code {
                // The connection was dead before the statement was sent. The pool has only a few of them.
                case .unavailable: continue
                // An administrator's end of a session (57P01) undoes the statement, and often comes to all sessions.
                // The code may be lost with the socket. A statement is repeated only twice after a loss without it,
                // because the statement itself may end its sessions.
                case .lost where losses < (error.sqlState == "57P01" ? options.maximum : 2): losses += 1
                default: throw error
                }
            }
        }
    }

    /// Lends a connection; `body` must return without an open transaction.
    ///
    /// - Parameter timeout: How long to wait for a connection; the requests of `body` have their own time-outs.
    package func withConnection<Value: Sendable>(
        timeout: Duration, _ body: (PostgresConnection) async throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        let lease = try await lease(before: .now + timeout)
        do throws(PostgresError) {
            let value = try await body(lease.connection)
            giveBack(lease)
            return value
        } catch {
            giveBack(lease, error)
            throw error
        }
    }
}

extension PostgresPool {
    private func lease(before deadline: ContinuousClock.Instant) async throws(PostgresError) -> Lease {
        let waiter = Waiter()
        update { $0.borrow(waiter) }
        let timer = Task {
            try await Task.sleep(until: deadline)
            giveUp(waiter, PostgresError(.timedOut, "no connection became free in time"))
        }
        defer { timer.cancel() }
        let giveUpWhenCancelled: @Sendable () -> Void = {
            self.giveUp(waiter, PostgresError(.unavailable, "the caller was cancelled"))
        }
        let result = await withTaskCancellationHandler {
            // A cancellation before the waiter was added did not find it.
            if Task.isCancelled { giveUpWhenCancelled() }
            return await waiter.value()
        } onCancel: {
            giveUpWhenCancelled()
        }
        return try result.get()
    }

    private func giveUp(_ waiter: Waiter, _ error: PostgresError) {
        update { $0.giveUp(waiter, error) }
    }

    private func giveBack(_ lease: Lease, _ error: PostgresError? = nil) {
        let loss = lease.connection.isUsable ? nil : error ?? PostgresError(.lost, "the connection was closed")
        update { $0.giveBack(lease, error: loss, at: .now) }
    }

    private func open() async {
        do throws(PostgresError) {
            let connection = try await PostgresConnection.connect(
                to: url, timeout: options.connectTimeout, logger: logger)
            let expiry = ContinuousClock.now + options.lifetime * Double.random(in: 0.9...1.1)
            update { $0.opened(connection, expiry: expiry, at: .now) }
        } catch {
            guard !Task.isCancelled else { return }
            update { $0.failed(error) }
            logger.debug("postgres: cannot connect", metadata: ["reason": "\(error)"])
            let failures = state.withLock { $0.failures }
            try? await Task.sleep(for: options.backoff.pause(failures: failures, isPermanent: error.isPermanent))
            update { $0.paused() }
        }
    }

    private func watch() async {
        while (try? await Task.sleep(for: options.checkInterval)) != nil {
            for connection in state.withLock({ $0.idleConnections }) { _ = await connection.isAlive() }
            update { $0.drop { !$0.isUsable } }
            update { $0.tidy(at: .now) }
        }
    }

    /// Changes the state under the lock, and performs its actions without it.
    private func update(_ change: (inout State) -> [State.Action]) {
        perform(state.withLock { change(&$0) })
    }

    private func perform(_ actions: [State.Action]) {
        for action in actions {
            switch action {
            case .lend(let lease, let waiter): waiter.settle(.success(lease))
            case .refuse(let waiter, let error): waiter.settle(.failure(error))
            case .open: openings.continuation.yield()
            case .close(let connection): connection.close()
            case .reportUp: logger.info("postgres: connected", metadata: ["postgres": "\(url)"])
            case .reportDown(let reason):
                logger.warning(
                    "postgres: unavailable", metadata: ["postgres": "\(url)", "reason": "\(reason.advice)"])
            }
        }
    }
}

/// A connection of a pool, which lends it to one caller at a time.
struct PostgresLease<Connection: Sendable>: Sendable {
    let number: Int
    let connection: Connection
    /// When it is old enough to be replaced.
    let expiry: ContinuousClock.Instant
}
