// Rollcall · Postgres

/// The parameters and columns of a statement, before it runs; types are the numbers of `pg_type`.
package struct PostgresDescription: Sendable, Hashable {
    package struct Column: Sendable, Hashable {
        package let name: String
        package let type: UInt32

        package init(name: String, type: UInt32) {
            self.name = name
            self.type = type
        }
    }

    package let parameterTypes: [UInt32]
    /// Empty for a statement that gives no rows.
    package let columns: [Column]

    package init(parameterTypes: [UInt32], columns: [Column]) {
        self.parameterTypes = parameterTypes
        self.columns = columns
    }
}
