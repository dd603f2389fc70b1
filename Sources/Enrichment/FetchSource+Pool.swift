// Rollcall · Enrichment

package import Postgres

extension FetchSource {
    /// How long validating may wait for a connection.
    private static let patience = Duration.seconds(5)

    /// Asks through a pool, which runs elsewhere.
    package static func pool(_ pool: PostgresPool) -> FetchSource {
        FetchSource { (sql, parameters, timeout) throws(PostgresError) in
            try await pool.query(sql, parameters, timeout: timeout)
        } validate: { (rule) throws(FetchRuleError) in
            let result: Result<Void, FetchRuleError>
            do throws(PostgresError) {
                result = try await pool.withConnection(timeout: patience) { connection in
                    do throws(FetchRuleError) {
                        return .success(try await rule.validate(on: connection))
                    } catch {
                        return .failure(error)
                    }
                }
            } catch {
                throw FetchRuleError(.unavailable, error.advice)
            }
            try result.get()
        }
    }
}
