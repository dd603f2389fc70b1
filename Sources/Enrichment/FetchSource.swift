// Rollcall · Enrichment

package import Postgres

/// The database, as the fetch hook needs it.
package struct FetchSource: Sendable {
    package typealias Query =
        @Sendable (_ sql: String, _ parameters: [PostgresParameter], _ timeout: Duration) async throws(PostgresError)
        -> PostgresRows
    package typealias Validate = @Sendable (_ rule: FetchRule) async throws(FetchRuleError) -> Void

    /// Runs a statement; must end within the time-out, whatever the database does.
    let query: Query
    /// Finds out whether the database takes a rule.
    let validate: Validate

    package init(query: @escaping Query, validate: @escaping Validate) {
        self.query = query
        self.validate = validate
    }
}
