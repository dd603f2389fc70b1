// Rollcall · Postgres

import Basics
import CPostgres
import Foundation

/// Owns a `PGconn` and waits on its socket, until a deadline or the signal at the latest.
///
/// An error other than PostgreSQL's refusal of a statement ends the connection and raises the signal, because the
/// answers that may still arrive on it are not known. libpq takes a null pointer for a lost connection.
struct PostgresHandle: ~Copyable {
    typealias Instant = ContinuousClock.Instant

    private var connection: OpaquePointer?
    private let notices: PostgresNotices
    private let signal: PostgresSignal
    /// The message of the last refused statement, with values; libpq keeps it until the next statement is sent.
    private var lastRefusal = ""
    /// Why the connection has ended.
    private var endReason = "the connection was closed"
    /// Whether notifications are kept.
    ///
    /// Otherwise they are dropped, because libpq would keep them for ever: a pooler may lend a session that listens.
    var keepsNotifications = false
    /// The oldest server that has what the migrations use.
    private static let oldestServer: (number: Int32, name: String) = (110_000, "11")

    init(notices: PostgresNotices, signal: PostgresSignal) {
        self.notices = notices
        self.signal = signal
    }

    deinit { PQfinish(connection) }

    var isInTransaction: Bool { PQtransactionStatus(connection) != PQTRANS_IDLE }
    var isInFailedTransaction: Bool { PQtransactionStatus(connection) == PQTRANS_INERROR }

    mutating func finish() {
        signal.raise()
        PQfinish(connection)
        connection = nil
    }

    /// Connects; the signal ends the attempt, except while libpq is in `getaddrinfo`.
    mutating func connect(to url: PostgresURL) throws(PostgresError) {
        let options = url.parameters.sorted { $0.key < $1.key }
        connection = withCStrings(options.map(\.key) + [nil]) { keywords in
            withCStrings(options.map(\.value) + [nil]) { PQconnectStartParams(keywords, $0, 0) }
        }
        guard let connection else { throw fail(.unavailable, "libpq has no memory for a connection") }
        notices.receive(from: connection)
        // Without it a refusal has no code.
        PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
        var step = PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING
        while step != PGRES_POLLING_OK {
            guard step == PGRES_POLLING_READING || step == PGRES_POLLING_WRITING else { throw startupFailure() }
            try wait(for: step == PGRES_POLLING_READING ? POLLIN : POLLOUT)
            step = PQconnectPoll(connection)
        }
        PQsetErrorVerbosity(connection, PQERRORS_DEFAULT)
        // A pooler may give no number.
        let version = PQserverVersion(connection)
        guard version == 0 || version >= Self.oldestServer.number else {
            let name = version >= 100_000 ? "\(version / 10_000)" : "\(version / 10_000).\(version / 100 % 100)"
            throw end(with: .serverIsTooOld(name, oldest: Self.oldestServer.name))
        }
        guard PQsetnonblocking(connection, 1) == 0 else { throw fail(.unavailable) }
    }

    private mutating func startupFailure() -> PostgresError {
        end(with: PostgresError(startup: String(cString: PQerrorMessage(connection)), otherwise: endReason))
    }

    /// Whether the connection has not ended, as far as the socket shows; finishes a dead one.
    ///
    /// When PostgreSQL has ended a session, the first read gets the reason and the second one the end.
    mutating func isAlive() -> Bool {
        for _ in 0..<2 where isReadable && PQconsumeInput(connection) == 0 { _ = fail(.lost) }
        if PQstatus(connection) != CONNECTION_OK { _ = fail(.lost) }
        return !signal.isRaised
    }

    /// Sends a request and passes each of its answers to `take`, rows one by one.
    ///
    /// Throws `.unavailable` when the connection is dead before the request is sent. When no time is left, it throws
    /// `.timedOut`, sends nothing and keeps the connection.
    ///
    /// - Parameter script: The text of the request, if an error may show it.
    mutating func perform(
        showing script: String? = nil, before deadline: Instant, _ send: (OpaquePointer?) -> Int32,
        _ take: (borrowing PGResultHandle) throws(PostgresError) -> Void = { _ in }
    ) throws(PostgresError) {
        guard ContinuousClock.now < deadline else {
            throw PostgresError(.timedOut, "no time was left for the statement")
        }
        guard !signal.isRaised else { throw fail(.unavailable, endReason) }
        guard isAlive(), send(connection) == 1 else { throw fail(.unavailable) }
        PQsetSingleRowMode(connection)
        try flush(before: deadline)
        var refusal: PostgresError?
        while let answer = try next(before: deadline) {
            if let error = answer.error(in: script) {
                lastRefusal = String(cString: PQerrorMessage(connection))
                guard error.code != .lost else { throw end(with: error) }
                refusal = refusal ?? error
            } else {
                do throws(PostgresError) { try take(answer) } catch { throw end(with: error) }
            }
        }
        if let refusal { throw refusal }
    }

    /// Waits for notifications and returns all that have arrived, or none when the deadline has passed.
    mutating func notifications(before deadline: Instant) throws(PostgresError) -> [PostgresNotification] {
        var notifications: [PostgresNotification] = []
        while true {
            try consumeInput()
            while let notification = PQnotifies(connection) {
                defer { PQfreemem(notification) }
                notifications.append(
                    PostgresNotification(
                        channel: String(cString: notification.pointee.relname),
                        payload: String(cString: notification.pointee.extra)))
            }
            guard notifications.isEmpty, try isReady(for: POLLIN, before: deadline) else { return notifications }
        }
    }
}

extension PostgresHandle {
    private mutating func flush(before deadline: Instant) throws(PostgresError) {
        while true {
            switch PQflush(connection) {
            case 0: return
            case 1:
                // PostgreSQL may refuse to read on until its own bytes are read.
                try wait(for: POLLIN | POLLOUT, before: deadline)
                try consumeInput()
            default: throw fail(.lost)
            }
        }
    }

    private mutating func next(before deadline: Instant) throws(PostgresError) -> PGResultHandle? {
        while PQisBusy(connection) == 1 {
            try wait(for: POLLIN, before: deadline)
            try consumeInput()
            // libpq may hold the rest of a TLS record, and then the socket is not readable.
            if PQsslInUse(connection) == 1, PQisBusy(connection) == 1 { try consumeInput() }
        }
        if !keepsNotifications {
            while let notification = PQnotifies(connection) { PQfreemem(notification) }
        }
        return PGResultHandle(PQgetResult(connection))
    }

    private mutating func consumeInput() throws(PostgresError) {
        guard PQconsumeInput(connection) == 1 else { throw fail(.lost) }
    }

    private mutating func wait(for events: Int32, before deadline: Instant? = nil) throws(PostgresError) {
        guard try isReady(for: events, before: deadline) else {
            throw fail(.timedOut, "PostgreSQL did not answer in time")
        }
    }

    /// Waits until the socket is ready or broken, which the next read finds; returns false after the deadline, if any.
    ///
    /// Each turn gets the socket from libpq, which opens several while it connects.
    private mutating func isReady(for events: Int32, before deadline: Instant?) throws(PostgresError) -> Bool {
        while true {
            let left = deadline.map { ContinuousClock.now.duration(to: $0) }
            if let left, left <= .zero { return false }
            guard PQsocket(connection) >= 0 else { throw fail(.lost) }
            var descriptors = [
                pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0),
                pollfd(fd: signal.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            // An interrupted `poll` returns -1, and is called again with the time that is left.
            let count = poll(&descriptors, 2, left.map { Int32(clamping: $0.wholeMilliseconds + 1) } ?? -1)
            guard !signal.isRaised else { throw fail(.lost, endReason) }
            if count > 0, descriptors[0].revents != 0 { return true }
        }
    }

    private var isReadable: Bool {
        var descriptor = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, 0) > 0
    }

    /// Ends the connection, by default with the reason that libpq gives.
    private mutating func fail(_ code: PostgresError.Code, _ message: String? = nil) -> PostgresError {
        guard message == nil, connection != nil else { return end(with: PostgresError(code, message ?? endReason)) }
        let text = String(cString: PQerrorMessage(connection))
        let reason = oneLine(text.hasPrefix(lastRefusal) ? String(text.dropFirst(lastRefusal.count)) : text)
        return end(with: PostgresError(code, reason.isEmpty ? endReason : reason))
    }

    private mutating func end(with error: PostgresError) -> PostgresError {
        endReason = error.message
        finish()
        return error
    }
}

/// Lends C copies of the strings for the time of one call; nil is a null pointer.
func withCStrings<Result>(_ strings: [String?], _ body: ([UnsafePointer<CChar>?]) -> Result) -> Result {
    var bytes: [CChar] = []
    let offsets = strings.map { string -> Int? in
        guard let string else { return nil }
        defer { bytes.append(contentsOf: string.utf8CString) }
        return bytes.count
    }
    return bytes.withUnsafeBufferPointer { buffer in
        body(offsets.map { offset in offset.flatMap { buffer.baseAddress?.advanced(by: $0) } })
    }
}
