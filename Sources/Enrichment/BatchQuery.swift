// Rollcall · Enrichment

import Postgres
import Presence

/// Asks the database for batches of one rule.
struct BatchQuery: Sendable {
    let rule: FetchRule
    let source: FetchSource
    let metrics: FetchMetrics

    /// Asks for a batch; in parts, if the data of one of its keys makes the query fail.
    func outcome(of batch: FetchBatch) async -> FetchOutcome {
        var outcome = FetchOutcome()
        do throws(PostgresError) {
            outcome.answers = try await answers(for: batch.keys, on: batch.topic)
        } catch {
            if error.isDataFault {
                await halve(batch, because: error, into: &outcome)
            } else {
                outcome.failure = error
            }
        }
        metrics.countRefused(outcome.answers.values)
        return outcome
    }

    private func halve(_ batch: FetchBatch, because fault: PostgresError, into outcome: inout FetchOutcome) async {
        var halving = BatchHalving(batch.keys)
        while outcome.failure == nil, let keys = halving.next() {
            do throws(PostgresError) {
                outcome.answers.merge(try await answers(for: keys, on: batch.topic)) { $1 }
                halving.succeeded()
            } catch {
                if error.isDataFault { halving.failed() } else { outcome.failure = error }
            }
        }
        for key in halving.poisonous { outcome.answers[key] = .poisonous }
        if !halving.abandoned.isEmpty { outcome.failure = outcome.failure ?? fault }
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
