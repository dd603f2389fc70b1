// Rollcall · Postgres

/// An error of PostgreSQL or of a connection to it; its message holds no password, parameter or row.
package struct PostgresError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The URL or connection string cannot be used; the message has the reason.
        case invalidURL
        /// No connection is up, and none came up in time.
        case unavailable
        /// The connection was lost; whether the statement took effect is unknown.
        case lost
        /// The statement took longer than it may.
        case timedOut
        /// Too many callers wait for a connection already.
        case busy
        /// PostgreSQL refused the statement; `sqlState` has the reason.
        case refused
        /// The answer has more rows or bytes than it may.
        case tooLarge
        /// A migration was edited, is missing or failed; the message names it.
        case migration
    }

    package let code: Code
    package let message: String
    /// The five characters of PostgreSQL's appendix A; nil when PostgreSQL gave none.
    package let sqlState: String?

    package init(_ code: Code, _ message: String, sqlState: String? = nil) {
        self.code = code
        self.message = message
        self.sqlState = sqlState
    }

    package var description: String { sqlState.map { "\(message) (SQLSTATE \($0))" } ?? message }
}
