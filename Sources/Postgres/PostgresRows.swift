// Rollcall · Postgres

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
