// Rollcall · Enrichment

package import Postgres
import PresenceModel

/// The database, as the fetch hook needs it; its functions may be called on any thread.
package struct FetchSource: Sendable {
    package typealias Query =
        @Sendable (_ sql: String, _ parameters: [PostgresParameter], _ timeout: Duration) async throws(PostgresError)
        -> PostgresRows
    package typealias Validate = @Sendable (_ rule: FetchRule) async throws(FetchRuleError) -> Void

    /// How long a validation may wait for a connection.
    private static let validateTimeout = Duration.seconds(5)

    /// Runs a statement.
    let query: Query
    /// Checks whether the database accepts a rule.
    let validate: Validate

    /// - Parameters:
    ///   - query: runs a statement; must end within the time-out, whether or not the database answers.
    ///   - validate: checks whether the database accepts a rule; throws `.query` or `.unavailable`.
    package init(query: @escaping Query, validate: @escaping Validate) {
        self.query = query
        self.validate = validate
    }

    /// Queries through a pool, which another service runs.
    package static func pool(_ pool: PostgresPool) -> FetchSource {
        FetchSource { (sql, parameters, timeout) throws(PostgresError) in
            try await pool.query(sql, parameters, timeout: timeout)
        } validate: { (rule) throws(FetchRuleError) in
            let result: Result<Void, FetchRuleError>
            do throws(PostgresError) {
                result = try await pool.withConnection(timeout: validateTimeout) { connection in
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

    /// Runs the query of a rule for a batch, within the time-out of the rule, and counts it.
    func outcome(of batch: FetchBatch, for rule: FetchRule, metrics: FetchMetrics) async -> FetchOutcome {
        let parameters =
            [.textArray(batch.keys.map(\.text))] + (batch.topic.map { [PostgresParameter.text($0.text)] } ?? [])
        let start = ContinuousClock.now
        do throws(PostgresError) {
            let rows = try await query(rule.query, parameters, rule.timeout)
            let duration = start.duration(to: .now)
            let answers = try FetchOutcome.answers(for: batch.keys, in: rows)
            metrics.countQuery(keys: batch.keys.count, seconds: duration, error: nil)
            metrics.countRefused(answers.values)
            return FetchOutcome(answers: answers)
        } catch {
            metrics.countQuery(keys: batch.keys.count, seconds: start.duration(to: .now), error: error)
            return FetchOutcome(failure: error)
        }
    }
}
