// Rollcall · Postgres

import CPostgres

/// Owns a `PGresult`: one row, or the outcome of a statement.
struct PGResultHandle: ~Copyable {
    private let result: OpaquePointer

    init?(_ result: OpaquePointer?) {
        guard let result else { return nil }
        self.result = result
    }

    deinit { PQclear(result) }

    var columns: [String] {
        (0..<PQnfields(result)).map { String(cString: PQfname(result, $0)) }
    }

    var description: PostgresDescription {
        PostgresDescription(
            parameterTypes: (0..<PQnparams(result)).map { PQparamtype(result, $0) },
            columns: (0..<PQnfields(result)).map {
                PostgresDescription.Column(name: String(cString: PQfname(result, $0)), type: PQftype(result, $0))
            })
    }

    /// The values of a row in single-row mode, which has one row in each result; nil when this is no row.
    var row: [[UInt8]?]? {
        guard PQresultStatus(result) == PGRES_SINGLE_TUPLE else { return nil }
        return (0..<PQnfields(result)).map { column in
            guard PQgetisnull(result, 0, column) == 0 else { return nil }
            let bytes = UnsafeRawBufferPointer(
                start: PQgetvalue(result, 0, column), count: Int(PQgetlength(result, 0, column)))
            return Array(bytes)
        }
    }

    /// The error of the statement; nil when there is none.
    ///
    /// - Parameter script: The text that was sent, if it holds no secret: the error then has the whole message and the
    ///   number of the line. Without it, the error leaves out what may be the value of a parameter or of a row.
    func error(in script: String?) -> PostgresError? {
        switch PQresultStatus(result) {
        case PGRES_SINGLE_TUPLE, PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: return nil
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: return PostgresError(.lost, "COPY is not supported")
        default: break
        }
        let text = field(rollcall_field_message)
        guard let sqlState = field(rollcall_field_sqlstate), let text else {
            // An error of libpq itself: the connection broke.
            return PostgresError(.lost, oneLine(String(cString: PQresultErrorMessage(result))))
        }
        let message = script.map { text + line(in: $0) } ?? withoutValues(text, sqlState: sqlState)
        if let severity = field(rollcall_field_severity), severity != "ERROR" {
            return PostgresError(.lost, message, sqlState: sqlState)
        }
        // query_canceled: by statement_timeout, or by an administrator's pg_cancel_backend.
        return PostgresError(sqlState == "57014" ? .timedOut : .refused, message, sqlState: sqlState)
    }

    /// ` (line 3)` if the error has a position, which PostgreSQL counts in characters from 1.
    private func line(in script: String) -> String {
        guard let position = field(rollcall_field_position).flatMap(Int.init), script.contains("\n") else {
            return ""
        }
        let before = script.unicodeScalars.prefix(position - 1)
        return " (line \(1 + before.count { $0 == "\n" }))"
    }

    /// Leaves out the text that a statement raised by itself, and the values that errors of class 22 (data) quote.
    private func withoutValues(_ message: String, sqlState: String) -> String {
        // The functions of PL/pgSQL's RAISE and ASSERT.
        if field(rollcall_field_function)?.hasPrefix("exec_stmt_") == true {
            return "the statement raised an exception"
        }
        // Quotation marks differ with the server's language.
        let isMark: (Character) -> Bool = { "\"„“”«»「」'".contains($0) }
        guard sqlState.hasPrefix("22"), let first = message.firstIndex(where: isMark),
            let last = message.lastIndex(where: isMark)
        else { return message }
        return message[..<first] + "\"…\"" + message[last...].dropFirst()
    }

    private func field(_ code: Int32) -> String? {
        PQresultErrorField(result, code).map { String(cString: $0) }
    }
}

/// The rows that a statement gave, in PostgreSQL's text format.
package struct PostgresRows: Sendable {
    package let columns: [String]
    /// Each row has a value per column; nil is NULL.
    package let rows: [[[UInt8]?]]

    package init(columns: [String] = [], rows: [[[UInt8]?]] = []) {
        self.columns = columns
        self.rows = rows
    }
}
