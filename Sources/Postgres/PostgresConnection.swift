// Rollcall · Postgres

import CPostgres
package import Logging

/// One session of PostgreSQL: the only owner of a libpq connection, on a thread of its own.
///
/// What is asked goes one after the other. A refused statement leaves the connection usable. It is finished for good by
/// a lost socket, a deadline of ours, a bound that is exceeded, and `close`.
package actor PostgresConnection {
    private nonisolated let executor = PostgresExecutor()
    private nonisolated let signal: PostgresSignal
    private var handle: PostgresHandle
    /// The `statement_timeout` that the session has, in milliseconds; nil when that is not known.
    private var statementTimeout: Int64?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private init(logger: Logger) throws(PostgresError) {
        signal = try PostgresSignal()
        handle = PostgresHandle(notices: PostgresNotices(logger: logger), signal: signal)
    }

    /// Connects within `timeout`, or within the URL's `connect_timeout`; PostgreSQL's notices go to `logger`, at debug.
    ///
    /// A name server may hold libpq up for longer than that. Then the caller goes on, and what is left of the attempt
    /// ends by itself as soon as the name server answers.
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

    /// Runs one statement, with its parameters beside it, and gives its rows.
    ///
    /// Throws `.timedOut` after `timeout`; PostgreSQL is told to stop a little earlier, so that the connection is mostly
    /// kept. Throws `.unavailable` when the connection was found dead before anything was sent. A caller that is
    /// cancelled still waits for the answer. A single row is held whole while it comes in, whatever the bounds.
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

    /// Runs a script of one or more statements, whose rows are dropped; cancellation closes the connection.
    ///
    /// Without a `BEGIN` in it, PostgreSQL makes one transaction of it. An error shows the script's own text.
    package nonisolated func execute(_ script: String, timeout: Duration) async throws(PostgresError) {
        try await closingWhenCancelled { () throws(PostgresError) in try await self.run(script, timeout: timeout) }
    }

    /// Asks PostgreSQL what the statement takes and gives, without running it; 0 is a type for it to find.
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

    /// Asks for the notifications of a channel, whose name is taken as it is, upper and lower case.
    package func listen(to channel: String, timeout: Duration = .seconds(5)) throws(PostgresError) {
        var name = ""
        for character in channel.unicodeScalars { name += character == "\"" ? "\"\"" : String(character) }
        handle.keepsNotifications = true
        try run("LISTEN \"\(name)\"", timeout: timeout)
    }

    /// Waits for notifications and gives all that are there, or none after `time`; cancellation closes the connection.
    ///
    /// Throws when the session has ended, also in silence as far as TCP's keep-alive tells.
    package nonisolated func notifications(
        within time: Duration
    ) async throws(PostgresError) -> [PostgresNotification] {
        try await closingWhenCancelled { () throws(PostgresError) in
            try await self.waitForNotifications(before: .now + time)
        }
    }

    /// Whether nothing speaks against the connection; asks the socket, not PostgreSQL.
    package func isAlive() -> Bool { handle.isAlive() }

    /// Whether statements can still be tried.
    package nonisolated var isUsable: Bool { !signal.isRaised }

    /// Ends the connection and whatever waits on it, at once.
    package nonisolated func close() {
        signal.raise()
        Task { await self.finish() }
    }

    /// Returns when the connection is closed and nothing of it is under way.
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
        // The script may set another one.
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

    /// Sets PostgreSQL's own time-out, by SET since poolers refuse it among the parameters of a connection.
    ///
    /// A transaction takes its settings with it when it fails, and after it failed takes no more of them.
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

    /// The milliseconds that PostgreSQL gets: a tenth less or so, which is for the way there and back.
    ///
    /// Only the highest four bits are kept, so that what is left of one time-out after a wait mostly gives the same.
    static func statementTimeout(for timeout: Duration) -> Int64 {
        let milliseconds = max(1, min(timeout.wholeMilliseconds, Int64(Int32.max)) * 15 / 16)
        let dropped = max(0, Int64.bitWidth - milliseconds.leadingZeroBitCount - 4)
        return (milliseconds >> dropped) << dropped
    }

    /// C would take the text up to the NUL for the whole.
    private func refuseNUL(in sql: String) throws(PostgresError) {
        guard !sql.utf8.contains(0) else { throw PostgresError(.refused, "the statement holds a NUL") }
    }
}
