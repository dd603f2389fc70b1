// Rollcall · Enrichment

import Postgres
import Presence

/// What asking for a batch came to.
struct FetchOutcome: Sendable {
    enum Answer: Hashable, Sendable {
        /// Compact JSON.
        case data([UInt8])
        /// No row, or NULL.
        case nothing
        /// A value that cannot be shown.
        case unusable(Unusable)
        /// The query fails for this key, whichever others it is asked with.
        case poisonous
    }

    enum Unusable: String, CaseIterable, Sendable {
        case tooLarge = "too_large"
        case invalid = "invalid_json"
    }

    /// What is known, by key; all keys of the batch unless `failure` is there.
    var answers: [Key: Answer] = [:]
    /// Why there is no answer for the others.
    var failure: PostgresError?

    /// Whether the database was reached but said nothing of any key.
    var isAllPoisonous: Bool { answers.values.allSatisfy { $0 == .poisonous } }
}
