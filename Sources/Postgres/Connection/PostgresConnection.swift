// Rollcall · Postgres

import Basics
import CPostgres
import Dispatch
package import Logging

/// One session of PostgreSQL: the only owner of a libpq connection, on its own dispatch queue.
///
/// Requests run one after the other. A refused statement leaves the connection usable. A lost socket, a deadline of
/// ours, an exceeded bound and `close()` end it for good.
package actor PostgresConnection {
    private nonisolated let executor = PostgresExecutor()
    private nonisolated let signal: PostgresSignal
    private var handle: PostgresHandle
    /// The `statement_timeout` of the session in milliseconds; nil when it is not known.
    private var statementTimeout: Int?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private init(logger: Logger) throws(PostgresError) {
        signal = try PostgresSignal()
        handle = PostgresHandle(notices: PostgresNotices(logger: logger), signal: signal)
    }

    /// Connects within `timeout`, or within the URL's `connect_timeout`; PostgreSQL's notices go to `logger`, at debug.
    ///
    /// libpq may wait longer for a name server. Then the call still throws in time, and the rest of the attempt ends by
    /// itself when the name server answers.
    package static func connect(
        to url: PostgresURL, timeout: Duration, logger: Logger = Logger(label: "rollcall.postgres")
    ) async throws(PostgresError) -> PostgresConnection {
        let connection = try PostgresConnection(logger: logger)
        let timeout = url.connectTimeout ?? timeout
        let outcome = FirstOutcome<PostgresError?>()
        let giveUp: @Sendable (String) -> Void = { reason in
            let error = PostgresError(.unavailable, "cannot connect to \(url): \(reason)")
            if outcome.settle(error) { connection.close() }
        }
        Task { outcome.settle(await connection.open(url)) }
        let timer = Task {
            try await Task.sleep(for: timeout)
            giveUp("PostgreSQL did not answer within \(timeout)")
        }
        defer { timer.cancel() }
        let failure = await withTaskCancellationHandler {
            await outcome.value()
        } onCancel: {
            giveUp("the attempt was cancelled")
        }
        if let failure { throw failure }
        return connection
    }

    /// Runs one statement with its parameters, and returns its rows.
    ///
    /// Throws `.timedOut` after `timeout`; PostgreSQL's own time-out is a little shorter, so that the connection is
    /// mostly kept. Throws `.unavailable` when the connection was dead before the statement was sent. A cancelled
    /// caller still waits for the answer. A single row is read whole before the bounds are checked.
    package func query(
        _ sql: String, _ parameters: [PostgresParameter] = [], timeout: Duration, maximumRows: Int = 10_000,
        maximumBytes: Int = 16 << 20
    ) throws(PostgresError) -> PostgresRows {
        let deadline = ContinuousClock.now + timeout
        try refuseNUL(in: sql)
        var values: [String?] = []
        for parameter in parameters { values.append(try parameter.encoded()) }
        let types = parameters.map(\.type)
        try limitStatements(to: timeout, before: deadline)
        var columns: [String] = []
        var rows: [[[UInt8]?]] = []
        var bytes = 0
        try handle.perform(before: deadline) { connection in
            withCStrings(values) {
                PQsendQueryParams(connection, sql, Int32(clamping: values.count), types, $0, nil, nil, 0)
            }
        } _: { (answer) throws(PostgresError) in
            if columns.isEmpty { columns = answer.columns }
            guard let row = answer.row else { return }
            bytes += row.reduce(0) { $0 + ($1?.count ?? 0) }
            guard rows.count < maximumRows, bytes <= maximumBytes else {
                throw PostgresError(.tooLarge, "the answer has over \(maximumRows) rows or \(maximumBytes) bytes")
            }
            rows.append(row)
        }
        return PostgresRows(columns: columns, rows: rows)
    }

    /// Runs a script of one or more statements and drops their rows; cancellation closes the connection.
    ///
    /// PostgreSQL makes one transaction of a script without `BEGIN`. An error may show text of the script.
    package nonisolated func execute(_ script: String, timeout: Duration) async throws(PostgresError) {
        try await closingWhenCancelled { () throws(PostgresError) in try await self.run(script, timeout: timeout) }
    }

    /// Returns the parameters and columns of a statement without running it; PostgreSQL finds a type for each 0.
    package func describe(
        _ sql: String, parameterTypes: [UInt32] = [], timeout: Duration = .seconds(5)
    ) throws(PostgresError) -> PostgresDescription {
        let deadline = ContinuousClock.now + timeout
        try refuseNUL(in: sql)
        // In one transaction, so that a pooler has the same server prepare and describe it.
        let isAlone = !handle.isInTransaction
        if isAlone { try run("BEGIN", timeout: timeout) }
        defer { if isAlone { try? run("ROLLBACK", timeout: timeout) } }
        try handle.perform(showing: sql, before: deadline) {
            PQsendPrepare($0, "", sql, Int32(clamping: parameterTypes.count), parameterTypes)
        }
        var description = PostgresDescription(parameterTypes: [], columns: [])
        try handle.perform(showing: sql, before: deadline) {
            PQsendDescribePrepared($0, "")
        } _: { (answer) in
            description = answer.description
        }
        return description
    }

    /// Listens to a channel; its name is taken as it is, in upper and lower case.
    package func listen(to channel: String, timeout: Duration = .seconds(5)) throws(PostgresError) {
        var name = ""
        for character in channel.unicodeScalars { name += character == "\"" ? "\"\"" : String(character) }
        handle.keepsNotifications = true
        try run("LISTEN \"\(name)\"", timeout: timeout)
    }

    /// Waits for notifications and returns all that arrived, none after `time`; cancellation closes the connection.
    ///
    /// Throws when the session has ended; TCP's keep-alive finds an end without a message.
    package nonisolated func notifications(
        within time: Duration
    ) async throws(PostgresError) -> [PostgresNotification] {
        try await closingWhenCancelled { () throws(PostgresError) in
            try await self.waitForNotifications(before: .now + time)
        }
    }

    /// Whether the connection has not ended, as far as the socket shows; sends nothing to PostgreSQL.
    package func isAlive() -> Bool { handle.isAlive() }

    /// Whether the connection takes statements.
    package nonisolated var isUsable: Bool { !signal.isRaised }

    /// Ends the connection at once, and fails the request that waits on it.
    package nonisolated func close() {
        signal.raise()
        Task { await self.finish() }
    }

    /// Returns when the connection is closed and no request runs on it.
    package func closed() { finish() }
}

extension PostgresConnection {
    private func finish() { handle.finish() }

    private func open(_ url: PostgresURL) -> PostgresError? {
        do throws(PostgresError) {
            try handle.connect(to: url)
            return nil
        } catch {
            return PostgresError(
                .unavailable, "cannot connect to \(url): \(error.message)", sqlState: error.sqlState)
        }
    }

    private func run(_ script: String, timeout: Duration) throws(PostgresError) {
        let deadline = ContinuousClock.now + timeout
        try refuseNUL(in: script)
        try limitStatements(to: timeout, before: deadline)
        // The script may set another time-out.
        defer { statementTimeout = nil }
        try handle.perform(showing: script, before: deadline) { PQsendQuery($0, script) }
    }

    private func waitForNotifications(
        before deadline: ContinuousClock.Instant
    ) throws(PostgresError) -> [PostgresNotification] {
        try handle.notifications(before: deadline)
    }

    private nonisolated func closingWhenCancelled<Value: Sendable>(
        _ body: () async throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        let result = await withTaskCancellationHandler { () async -> Result<Value, PostgresError> in
            do throws(PostgresError) { return .success(try await body()) } catch { return .failure(error) }
        } onCancel: {
            close()
        }
        return try result.get()
    }

    /// Sets PostgreSQL's own time-out, by SET because poolers refuse it among the parameters of a connection.
    ///
    /// A transaction that fails takes its settings back, and accepts no more of them.
    private func limitStatements(
        to timeout: Duration, before deadline: ContinuousClock.Instant
    ) throws(PostgresError) {
        let wanted = Self.statementTimeout(for: timeout)
        guard wanted != statementTimeout, !handle.isInFailedTransaction else { return }
        statementTimeout = nil
        let lasts = !handle.isInTransaction
        try handle.perform(before: deadline) { PQsendQuery($0, "SET statement_timeout = \(wanted)") }
        if lasts { statementTimeout = wanted }
    }

    /// PostgreSQL's own time-out in milliseconds: shorter by a sixteenth or more, to leave time for the round trip.
    ///
    /// Only the highest four bits are kept, so that the rest of a time-out after a wait mostly gives the same value.
    static func statementTimeout(for timeout: Duration) -> Int {
        let milliseconds = max(1, min(timeout.wholeMilliseconds, Int(Int32.max)) * 15 / 16)
        let dropped = max(0, Int.bitWidth - milliseconds.leadingZeroBitCount - 4)
        return (milliseconds >> dropped) << dropped
    }

    /// Throws for a NUL, because C would drop the text after it.
    private func refuseNUL(in sql: String) throws(PostgresError) {
        guard !sql.utf8.contains(0) else { throw PostgresError(.refused, "the statement holds a NUL") }
    }
}

/// One message of a `NOTIFY`, as a connection that listens gets it.
package struct PostgresNotification: Sendable, Hashable {
    package let channel: String
    /// Less than 8000 bytes, by PostgreSQL's own rule.
    package let payload: String

    package init(channel: String, payload: String) {
        self.channel = channel
        self.payload = payload
    }
}

/// Runs one actor's work on its own dispatch queue, because libpq blocks and Swift's threads are few.
final class PostgresExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "rollcall.postgres")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(queue))
    }
}
