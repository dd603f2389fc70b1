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
    }

    enum Unusable: String, CaseIterable, Sendable {
        case tooLarge = "too_large"
        case invalid = "invalid_json"
    }

    /// What is known, by key: all keys of the batch, unless `failure` is there.
    var answers: [Key: Answer] = [:]
    /// Why there is no answer.
    var failure: PostgresError?

    /// What it says of a group of suspects.
    var ending: SuspectSearch.Ending {
        guard let failure else { return .answered }
        return failure.isDataFault ? .raised : .failed
    }
}
