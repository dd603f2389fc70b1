// Rollcall · Enrichment

import Postgres
import Presence

/// Asks the database for batches of one rule.
struct BatchQuery: Sendable {
    let rule: FetchRule
    let source: FetchSource
    let metrics: FetchMetrics

    /// Asks for a batch.
    func outcome(of batch: FetchBatch) async -> FetchOutcome {
        do throws(PostgresError) {
            let answers = try await answers(for: batch.keys, on: batch.topic)
            metrics.countRefused(answers.values)
            return FetchOutcome(answers: answers)
        } catch {
            return FetchOutcome(failure: error)
        }
    }

    private func answers(
        for keys: [Key], on topic: Topic?
    ) async throws(PostgresError) -> [Key: FetchOutcome.Answer] {
        let parameters = [.textArray(keys.map(\.text))] + (topic.map { [PostgresParameter.text($0.text)] } ?? [])
        let start = ContinuousClock.now
        do throws(PostgresError) {
            let result = try await source.query(rule.query, parameters, rule.timeout)
            metrics.countQuery(keys: keys.count, seconds: start.duration(to: .now), error: nil)
            return try FetchOutcome.answers(for: keys, in: result)
        } catch {
            metrics.countQuery(keys: keys.count, seconds: start.duration(to: .now), error: error)
            throw error
        }
    }
}
